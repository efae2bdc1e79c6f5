/**
 * Codecs: bytes to frames and back.
 *
 * This entry needs no permission and no socket: its codecs run on sockets through
 * `framed` of `@sluice/net`.
 *
 * @module
 */

export { ByteQueue } from "../bytes/byte_queue.ts";
export { ByteWriter } from "../bytes/byte_writer.ts";
export {
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  UnexpectedEofError,
} from "../errors.ts";
export type { Codec, Decoder, Encoder } from "./codec.ts";
export type {
  DelimitedOversizePolicy,
  EofOptions,
  EofPolicy,
  OversizeOptions,
  OversizePolicy,
} from "./policy.ts";
export {
  lengthPrefixed,
  type LengthPrefixedOptions,
} from "./length_prefixed.ts";
export { lines, type LinesOptions } from "./lines.ts";
export type { TextOptions } from "./text_encoding.ts";
