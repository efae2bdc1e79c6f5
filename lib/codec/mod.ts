/**
 * Codecs: bytes to frames and back.
 *
 * This entry needs no permission and no socket. Codecs run on a socket through
 * `framed` of `@sluice/net`, on any stream through {@linkcode decodeStream} and
 * {@linkcode encodeStream}, and by hand on a {@linkcode ByteQueue} and a
 * {@linkcode ByteWriter}.
 *
 * @module
 */

// The contract.
export type {
  Codec,
  Decoder,
  Encoder,
  SizedCodec,
  TextCodec,
} from "./codec.ts";
export { ByteQueue } from "../bytes/byte_queue.ts";
export { ByteWriter } from "../bytes/byte_writer.ts";
export type {
  DelimitedOversizePolicy,
  EofOptions,
  EofPolicy,
  OversizeOptions,
  OversizePolicy,
  SizedOptions,
} from "./policy.ts";

// Framing.
export { contentLength, type ContentLengthOptions } from "./content_length.ts";
export { delimited, type DelimitedOptions } from "./delimited.ts";
export { fixed, type FixedOptions } from "./fixed.ts";
export {
  lengthPrefixed,
  type LengthPrefixedOptions,
} from "./length_prefixed.ts";
export { lines, type LinesOptions } from "./lines.ts";
export { netstring, type NetstringOptions } from "./netstring.ts";
export {
  varintPrefixed,
  type VarintPrefixedOptions,
} from "./varint_prefixed.ts";

// Shaping.
export {
  type FrameHead,
  type FramePart,
  type FramePartOut,
  inParts,
  type InPartsOptions,
} from "./in_parts.ts";
export { json, type JsonOptions } from "./json.ts";
export { mapped } from "./mapped.ts";
export { text } from "./text.ts";
export type { TextOptions } from "./text_encoding.ts";

// Typed packets.
export type { Field, IntegerField, LengthField, UintField } from "./field.ts";
export type { FieldReader } from "./field_reader.ts";
export {
  bool,
  f32,
  f32le,
  f64,
  f64le,
  i16,
  i16le,
  i32,
  i32le,
  i64,
  i64le,
  i8,
  u16,
  u16le,
  u24,
  u24le,
  u32,
  u32le,
  u64,
  u64le,
  u8,
} from "./number_fields.ts";
export { varint, type VarintOptions } from "./varint.ts";
export { type BitParts, bits, type BitsOf, type BitsOptions } from "./bits.ts";
export { bytes, utf8 } from "./sized_fields.ts";
export { cstring, type CstringOptions } from "./cstring.ts";
export { sized, type SizedFieldOptions } from "./sized.ts";
export { array, type ArrayOptions } from "./array_field.ts";
export { pad, type PadField, rest } from "./plain_fields.ts";
export { mappedField } from "./mapped_field.ts";
export { enumOf, literal, optional } from "./choice_fields.ts";
export type { Packet } from "./packet.ts";
export {
  type CheckedFields,
  type InOf,
  type OmissibleKeys,
  type OutOf,
  type Plain,
  type RefOf,
  type Struct,
  struct,
  type StructFields,
  type StructIn,
  type StructOut,
  type ValueKeys,
} from "./struct.ts";
export {
  type TagOf,
  union,
  type UnionIn,
  type UnionOut,
  type UnionTag,
  type UnionVariants,
} from "./union.ts";
export { packets, type PacketsOptions } from "./packets.ts";

// Streams.
export type { BadFrameError } from "./frame_decoder.ts";
export { decodeStream, type DecodeStreamOptions } from "./decode_stream.ts";
export { encodeStream } from "./encode_stream.ts";

// The PROXY protocol.
export {
  decodeProxyHeader,
  encodeProxyHeader,
} from "../proxy_header/proxy_header.ts";
export type {
  DecodedProxyHeader,
  ProxyFields,
  ProxyHeader,
  ProxyHeaderInit,
  ProxyTls,
  ProxyTlv,
} from "../proxy_header/header.ts";
export type { ProxyLimits } from "../proxy_header/limits.ts";

// Errors, and what their fields are made of.
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export {
  CodecError,
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  UnexpectedEofError,
} from "../errors.ts";
