/**
 * Fields of variable size: bytes, text and arrays.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import { badOption } from "./_options.ts";
import type { FieldReader } from "./_field_reader.ts";
import { LengthSource, type LengthSpec } from "./_length_source.ts";
import { TextEncoding } from "./text_encoding.ts";
import {
  type AnyField,
  badValue,
  type Field,
  FieldImpl,
  implOf,
  type UintField,
} from "./field.ts";

const strictUtf8 = new TextEncoding("utf8", { fatal: true });

/**
 * A field of bytes. Decoding gives a view of the frame.
 *
 * @param length How many: a number, or a number field such as {@linkcode u16} that
 * stands right before them. Without it, all that is left of the frame.
 * @throws {RangeError} `length` is not one of these.
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
export function bytes(length?: number | UintField): Field<Uint8Array>;
/**
 * A field of bytes whose length is in an earlier field of the same struct. That
 * field is computed when encoding.
 *
 * @param length The name of the earlier field.
 * @throws {RangeError} `length` is not a name.
 */
export function bytes<Ref extends string>(
  length: Ref,
): Field<Uint8Array, Uint8Array, Ref>;
export function bytes(length?: LengthSpec): Field<Uint8Array> {
  return new BytesField(new LengthSource("bytes", "bytes", length));
}

/**
 * A field of text in UTF-8. Bytes that are not valid UTF-8 are a
 * `MalformedFrameError`; a byte order mark is kept.
 *
 * @param length How many bytes: a number, or a number field such as
 * {@linkcode u16} that stands right before them. Without it, all that is left of
 * the frame.
 * @throws {RangeError} `length` is not one of these.
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
export function utf8(length?: number | UintField): Field<string>;
/**
 * A field of text in UTF-8 whose length in bytes is in an earlier field of the same
 * struct. That field is computed when encoding.
 *
 * @param length The name of the earlier field.
 * @throws {RangeError} `length` is not a name.
 */
export function utf8<Ref extends string>(
  length: Ref,
): Field<string, string, Ref>;
export function utf8(length?: LengthSpec): Field<string> {
  return new Utf8Field(new LengthSource("utf8", "bytes", length));
}

/**
 * A field of values of one kind, one after the other.
 *
 * Decoding allocates for as many as the frame has bytes for, whatever number the
 * frame claims.
 *
 * @param of What each value is: of at least one byte.
 * @param length How many: a number, or a number field such as {@linkcode u16} that
 * stands right before them. Without it, as many as fill the frame.
 * @throws {RangeError} `length` is not one of these, or `of` can be empty.
 * @throws {TypeError} `of` is not a field.
 *
 * @example
 * ```ts
 * import { array, i16, struct, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const path = struct({ points: array(struct({ x: i16, y: i16 }), u8) });
 * const frame = path.encode({ points: [{ x: 1, y: -1 }] });
 * assertEquals(frame, new Uint8Array([1, 0, 1, 255, 255]));
 * ```
 */
export function array<In, Out>(
  of: Field<In, Out>,
  length?: number | UintField,
): Field<In[], readonly Out[]>;
/**
 * A field of values of one kind, whose number is in an earlier field of the same
 * struct. That field is computed when encoding.
 *
 * @param of What each value is: of at least one byte.
 * @param length The name of the earlier field.
 * @throws {RangeError} `length` is not a name, or `of` can be empty.
 * @throws {TypeError} `of` is not a field.
 */
export function array<In, Out, Ref extends string>(
  of: Field<In, Out>,
  length: Ref,
): Field<In[], readonly Out[], Ref>;
export function array<In, Out>(
  of: Field<In, Out>,
  length?: LengthSpec,
): Field<In[], readonly Out[]> {
  return new ArrayField<In, Out>(
    soleField("array", of),
    new LengthSource("array", "values", length),
  );
}

/** A field that is complete in itself: it has no field beside it to lean on. */
export function soleField(name: string, of: unknown): AnyField {
  const field = implOf(of, name);
  if (field.ref !== undefined) {
    const must = "one without a named length";
    throw badOption(name, "its inner field", must, `one with "${field.ref}"`);
  }
  return field;
}

class BytesField extends FieldImpl<Uint8Array> {
  readonly kind = "bytes";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  readonly #length: LengthSource;

  constructor(length: LengthSource) {
    super();
    this.#length = length;
    this.ref = length.ref;
    this.fixedBytes = length.fixed;
    this.minBytes = length.minBytes(1);
  }

  read(reader: FieldReader, name: string, count: number): Uint8Array {
    const length = this.#length.read(reader, name, count);
    return reader.take(length < 0 ? reader.left : length, name);
  }

  write(value: Uint8Array, out: ByteWriter, name: string): number {
    if (!(value instanceof Uint8Array)) {
      throw badValue(name, "a Uint8Array", value, []);
    }
    const position = this.#length.begin(out);
    this.#length.end(out, position, value.length, name);
    out.write(value);
    return value.length;
  }
}

class Utf8Field extends FieldImpl<string> {
  readonly kind = "utf8";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  readonly #length: LengthSource;

  constructor(length: LengthSource) {
    super();
    this.#length = length;
    this.ref = length.ref;
    this.fixedBytes = length.fixed;
    this.minBytes = length.minBytes(1);
  }

  read(reader: FieldReader, name: string, count: number): string {
    const length = this.#length.read(reader, name, count);
    const text = reader.take(length < 0 ? reader.left : length, name);
    try {
      return strictUtf8.decode(text);
    } catch (cause) {
      throw reader.malformed(
        name,
        "be valid UTF-8",
        `${text.length} bytes`,
        cause,
      );
    }
  }

  write(value: string, out: ByteWriter, name: string): number {
    if (typeof value !== "string") throw badValue(name, "a string", value, []);
    const position = this.#length.begin(out);
    const size = out.writeText(value);
    this.#length.end(out, position, size, name);
    return size;
  }
}

class ArrayField<In, Out> extends FieldImpl<In[], readonly Out[]> {
  readonly kind = "array";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  readonly #of: AnyField;
  readonly #length: LengthSource;

  constructor(of: AnyField, length: LengthSource) {
    super();
    if (of.minBytes === 0) {
      // Else a count of four billion would make four billion values of nothing.
      throw badOption("array", "its inner field", "at least 1 byte", of.kind);
    }
    this.#of = of;
    this.#length = length;
    this.ref = length.ref;
    this.minBytes = length.minBytes(of.minBytes);
    this.fixedBytes = length.fixed === undefined || of.fixedBytes === undefined
      ? undefined
      : length.fixed * of.fixedBytes;
  }

  read(reader: FieldReader, name: string, count: number): In[] {
    const of = this.#of;
    const values: In[] = [];
    const length = this.#length.read(reader, name, count);
    if (length < 0) {
      while (reader.left > 0) values.push(of.read(reader, name, -1));
    } else {
      reader.need(length * of.minBytes, name);
      for (let i = 0; i < length; i++) values.push(of.read(reader, name, -1));
    }
    return values;
  }

  write(values: readonly Out[], out: ByteWriter, name: string): number {
    if (!Array.isArray(values)) throw badValue(name, "an array", values, []);
    const of = this.#of;
    const position = this.#length.begin(out);
    this.#length.end(out, position, values.length, name);
    for (const value of values) of.write(value, out, name);
    return values.length;
  }
}
