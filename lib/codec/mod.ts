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
export type { Codec, Decoder, Encoder, TextCodec } from "./codec.ts";
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
export { json, type JsonOptions } from "./json.ts";
export { mapped } from "./mapped.ts";
export { text } from "./text.ts";
export type { TextOptions } from "./text_encoding.ts";

// Streams.
export {
  type BadFrameError,
  decodeStream,
  type DecodeStreamOptions,
} from "./decode_stream.ts";
export { encodeStream } from "./encode_stream.ts";

// Errors, and what their fields are made of.
export type { Addr, MemoryAddr } from "../addr.ts";
export {
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  UnexpectedEofError,
} from "../errors.ts";
