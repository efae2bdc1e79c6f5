/**
 * Fields of bytes and of text, of any size.
 *
 * @module
 */

import { isDetached } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type Field, FieldImpl, type LengthField } from "./field.ts";
import { LengthSource, type LengthSpec } from "./_length_source.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue, Refusal } from "./_refusal.ts";

/**
 * A field of bytes. Decoding gives a view of the frame.
 *
 * @param length How many: a number, or a field of a whole number such as {@linkcode u16} or
 * {@linkcode varint} that stands right before them. Without it, all that is left of the frame.
 * @throws {RangeError} `length` is not one of these.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { bytes, struct, u16, u32 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const chunk = struct({ id: u32, key: bytes(2), data: bytes(u16) });
 * const frame = chunk.encode({
 *   id: 1,
 *   key: new Uint8Array([8, 9]),
 *   data: new Uint8Array([5]),
 * });
 * assertEquals(frame, new Uint8Array([0, 0, 0, 1, 8, 9, 0, 1, 5]));
 * ```
 */
export function bytes(
  length?: number | LengthField,
): Field<Uint8Array<ArrayBuffer>, Uint8Array>;
/**
 * A field of bytes whose length is in an earlier field of the same struct. That
 * field is computed when encoding.
 *
 * @param length The name of the earlier field.
 * @throws {RangeError} `length` is not a name.
 * @category Typed packets
 */
export function bytes<Ref extends string>(
  length: Ref,
): Field<Uint8Array<ArrayBuffer>, Uint8Array, Ref>;
export function bytes(
  length?: LengthSpec,
): Field<Uint8Array<ArrayBuffer>, Uint8Array> {
  return new BytesField(new LengthSource("bytes", "bytes", length));
}

/**
 * A field of text in UTF-8. Bytes that are not valid UTF-8 are a
 * `MalformedFrameError`; a byte order mark is kept.
 *
 * @param length How many bytes: a number, or a field of a whole number such as {@linkcode u16}
 * or {@linkcode varint} that stands right before them. Without it, all that is left of
 * the frame.
 * @throws {RangeError} `length` is not one of these.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { struct, u8, utf8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const user = struct({ name: utf8(u8), status: utf8() });
 * const frame = user.encode({ name: "Zoë", status: "hi" });
 * assertEquals(frame.length, 1 + 4 + 2);
 * assertEquals(user.decode(frame), { name: "Zoë", status: "hi" });
 * ```
 */
export function utf8(length?: number | LengthField): Field<string>;
/**
 * A field of text in UTF-8 whose length in bytes is in an earlier field of the same
 * struct. That field is computed when encoding.
 *
 * @param length The name of the earlier field.
 * @throws {RangeError} `length` is not a name.
 * @category Typed packets
 */
export function utf8<Ref extends string>(
  length: Ref,
): Field<string, string, Ref>;
export function utf8(length?: LengthSpec): Field<string> {
  return new Utf8Field(new LengthSource("utf8", "bytes", length));
}

/** Bytes whose memory is there: what was transferred would be sent as nothing. */
function isBytes(value: unknown): value is Uint8Array {
  // A Proxy of an array passes `instanceof`, but has no memory.
  return value instanceof Uint8Array && ArrayBuffer.isView(value) &&
    (value.length > 0 || !isDetached(value));
}

function badBytes(value: unknown): TypeError | RangeError {
  const must = value instanceof Uint8Array
    ? "a Uint8Array whose memory is there, and no Proxy"
    : "a Uint8Array";
  return badValue(must, value, []);
}

class BytesField extends FieldImpl<Uint8Array<ArrayBuffer>, Uint8Array> {
  readonly kind = "bytes";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  override readonly takesRest: boolean;
  readonly #length: LengthSource;

  constructor(length: LengthSource) {
    super();
    this.#length = length;
    this.ref = length.ref;
    this.takesRest = length.takesRest;
    this.fixedBytes = length.fixed;
    this.minBytes = length.minBytes(1);
  }

  read(reader: PacketReader, held?: unknown): Uint8Array<ArrayBuffer> {
    const length = this.#length.read(reader, held);
    return length < 0 ? reader.takeRest() : reader.take(length);
  }

  write(value: Uint8Array, out: ByteWriter): number {
    if (!isBytes(value)) throw badBytes(value);
    this.#length.write(value.length, out);
    out.write(value);
    return value.length;
  }
}

class Utf8Field extends FieldImpl<string> {
  readonly kind = "utf8";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  override readonly takesRest: boolean;
  readonly #length: LengthSource;

  constructor(length: LengthSource) {
    super();
    this.#length = length;
    this.ref = length.ref;
    this.takesRest = length.takesRest;
    this.fixedBytes = length.fixed;
    this.minBytes = length.minBytes(1);
  }

  read(reader: PacketReader, held?: unknown): string {
    const length = this.#length.read(reader, held);
    return readText(length < 0 ? reader.takeRest() : reader.take(length));
  }

  write(value: string, out: ByteWriter): number {
    checkWellFormed(value);
    const start = out.length;
    const content = this.#length.begin(out);
    const size = content.writeText(value);
    return this.#length.end(out, start, content, size);
  }
}

// Not made before they are needed: a program without text fields needs none.
let lossy: TextDecoder | undefined;
let strict: TextDecoder | undefined;

/** Text of bytes; refuses what is not UTF-8. A byte order mark is data. */
export function readText(bytes: Uint8Array): string {
  lossy ??= new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    const text = lossy.decode(bytes);
    // Deno's fatal decoder is two to nine times slower: it only judges doubtful text.
    if (!text.includes("\ufffd")) return text;
    strict ??= new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
    return strict.decode(bytes);
  } catch (cause) {
    // Or it is more than a string can hold.
    throw new Refusal(`must be valid UTF-8, got ${bytes.length} bytes`, cause);
  }
}

/** Refuses what UTF-8 cannot carry: it has no bytes for half of a surrogate pair. */
export function checkWellFormed(value: unknown): asserts value is string {
  if (typeof value !== "string") throw badValue("a string", value, []);
  if (!value.isWellFormed()) {
    throw badValue("text without lone surrogates", value, ["string"]);
  }
}
