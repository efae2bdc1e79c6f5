import { assert, assertThrows } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import { MalformedFrameError, type SocketError } from "../../lib/errors.ts";
import { decodeChunks } from "../../lib/testing/_decoding.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes from numbers. */
export function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values);
}

/** Bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of bytes. */
export function toText(data: Uint8Array): string {
  return decoder.decode(data);
}

/** What frames look like on the wire. */
export function encodeAll<Out>(
  codec: Codec<unknown, Out>,
  ...frames: Out[]
): Uint8Array {
  const out = new ByteWriter();
  const encoder = codec.encoder();
  for (const frame of frames) encoder.encode(frame, out);
  return out.toBytes();
}

/** What came of decoding a stream, and of its end. */
export interface Decoded<In> {
  frames: In[];
  errors: SocketError[];
  /** Whether the last error ended the frames. */
  failed: boolean;
}

/** Decodes a whole stream, in chunks of `chunkBytes`; all sizes give the same. */
export function decodeAll<In>(
  codec: Codec<In, never>,
  wire: Uint8Array | string,
  chunkBytes = Infinity,
): Decoded<In> {
  const data = typeof wire === "string" ? utf8(wire) : wire;
  const chunks: Uint8Array[] = [];
  const step = Math.min(chunkBytes, Math.max(1, data.length));
  for (let i = 0; i < data.length; i += step) {
    chunks.push(data.subarray(i, i + step));
  }
  const { frames, errors, failed } = decodeChunks(codec, chunks, "a test");
  return { frames, errors, failed };
}

/** Chunk sizes that a decoder must not care about. */
export const CHUNKS = [1, 2, 3, 7, Infinity];

/** Runs it where the engine refuses to make code out of text. */
export function withoutFunction<T>(run: () => T): T {
  const original = globalThis.Function;
  try {
    globalThis.Function = class {
      constructor() {
        throw new EvalError("not allowed");
      }
    } as unknown as FunctionConstructor;
    return run();
  } finally {
    globalThis.Function = original;
  }
}

/** Refuses the frame, says why, and would go on with the next. */
export function assertMalformed(decode: () => unknown, text: string): void {
  const error = assertThrows(decode, MalformedFrameError, text);
  assert(error.recoverable);
  assert(error.frame instanceof Uint8Array);
}
