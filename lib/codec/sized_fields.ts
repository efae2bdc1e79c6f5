/**
 * Fields of variable size: bytes, text and arrays.
 *
 * @module
 */

import { checkLimit, checkNames, isDetached, outOfRange } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { FieldReader } from "./_field_reader.ts";
import { LengthSource, type LengthSpec } from "./_length_source.ts";
import { addWrittenItems, writtenItems } from "./_written_items.ts";
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

/** Options of an {@linkcode array}. */
export interface ArrayOptions {
  /**
   * Most values, those of arrays inside this one included. A frame with more is a
   * `MalformedFrameError`, and encoding more a `RangeError`. `Infinity` for as many as the
   * frame has bytes for.
   *
   * @default {65_536}
   */
  maxItems?: number;
}

const MAX_ITEMS = 65_536;
const ARRAY_OPTION_NAMES: ReadonlySet<string> = new Set(["maxItems"]);

/**
 * A field of values of one kind, one after the other.
 *
 * Decoding allocates for as many as the frame has bytes for, whatever number the
 * frame claims. A value takes many times its bytes in memory, so their number has a limit
 * of its own: `maxItems`.
 *
 * @param of What each value is: of at least one byte, and not of all that is left.
 * @param length How many: a number, or a number field such as {@linkcode u16} that
 * stands right before them. Without it, as many as fill the frame.
 * @param options How many at the most.
 * @throws {RangeError} `length` is not one of these, `of` can be empty or takes the rest
 * of the frame, `maxItems` is out of range, or `length` is a number above it.
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
  options?: ArrayOptions,
): Field<In[], readonly Out[]>;
/**
 * A field of values of one kind, whose number is in an earlier field of the same
 * struct. That field is computed when encoding.
 *
 * @param of What each value is: of at least one byte.
 * @param length The name of the earlier field.
 * @param options How many at the most.
 * @throws {RangeError} `length` is not a name, `of` can be empty or takes the rest of the
 * frame, or `maxItems` is out of range.
 * @throws {TypeError} `of` is not a field.
 */
export function array<In, Out, Ref extends string>(
  of: Field<In, Out>,
  length: Ref,
  options?: ArrayOptions,
): Field<In[], readonly Out[], Ref>;
export function array<In, Out>(
  of: Field<In, Out>,
  length?: LengthSpec,
  options: ArrayOptions = {},
): Field<In[], readonly Out[]> {
  const action = "make an array field";
  checkNames(action, "options", options, ARRAY_OPTION_NAMES);
  const { maxItems = MAX_ITEMS } = options;
  checkLimit(action, "maxItems", maxItems);
  return new ArrayField<In, Out>(
    soleField("array", of),
    new LengthSource("array", "values", length),
    maxItems,
  );
}

/** A field that is complete in itself: it has no field beside it to lean on. */
export function soleField(name: string, of: unknown): AnyField {
  const field = implOf(of, name);
  if (field.ref !== undefined) {
    throw outOfRange(
      `make a ${name} field`,
      "its inner field",
      "one without a named length",
      field.ref,
    );
  }
  return field;
}

/** Bytes whose memory is there: what was transferred would be sent as nothing. */
function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array &&
    (value.length > 0 || !isDetached(value));
}

class BytesField extends FieldImpl<Uint8Array> {
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

  read(reader: FieldReader, name: string, count: number): Uint8Array {
    const length = this.#length.read(reader, name, count);
    return reader.take(length < 0 ? reader.left : length, name);
  }

  write(value: Uint8Array, out: ByteWriter, name: string): number {
    if (!isBytes(value)) throw badValue(name, "a Uint8Array", value, []);
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
    if (!value.isWellFormed()) {
      // UTF-8 has no bytes for half of a surrogate pair: others would be sent.
      throw badValue(name, "text without lone surrogates", value, ["string"]);
    }
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
  override readonly takesRest: boolean;
  readonly #of: AnyField;
  readonly #length: LengthSource;
  readonly #maxItems: number;

  constructor(of: AnyField, length: LengthSource, maxItems: number) {
    super();
    // Else a count of four billion would make four billion values of nothing, and what
    // takes the rest leaves none for a second one.
    if (of.minBytes === 0 || of.takesRest) {
      const must = "of at least 1 byte and not of all that is left";
      throw outOfRange("make an array field", "its inner field", must, of.kind);
    }
    if (length.fixed !== undefined && length.fixed > maxItems) {
      const must = `at most maxItems (${maxItems})`;
      throw outOfRange("make an array field", "length", must, length.fixed);
    }
    this.#of = of;
    this.#length = length;
    this.#maxItems = maxItems;
    this.takesRest = length.takesRest;
    this.ref = length.ref;
    this.minBytes = length.minBytes(of.minBytes);
    this.fixedBytes = length.fixed === undefined || of.fixedBytes === undefined
      ? undefined
      : length.fixed * of.fixedBytes;
  }

  read(reader: FieldReader, name: string, count: number): In[] {
    const of = this.#of;
    const most = this.#maxItems;
    const before = reader.items;
    const values: In[] = [];
    const length = this.#length.read(reader, name, count);
    if (length >= 0) {
      reader.need(length * of.minBytes, name);
      // Before the first is made: all of them are known to be too many.
      reader.countItems(length, before, most, name);
    }
    while (length < 0 ? reader.left > 0 : values.length < length) {
      values.push(of.read(reader, name, -1));
      reader.countItems(length < 0 ? 1 : 0, before, most, name);
    }
    return values;
  }

  write(values: readonly Out[], out: ByteWriter, name: string): number {
    if (!Array.isArray(values)) throw badValue(name, "an array", values, []);
    const of = this.#of;
    const { length } = values;
    const before = writtenItems();
    const position = this.#length.begin(out);
    this.#length.end(out, position, length, name);
    addWrittenItems(length);
    // As many as was said, whatever a getter does to the array meanwhile.
    for (let i = 0; i < length; i++) {
      this.#checkWritten(before, name);
      of.write(values[i], out, name);
    }
    this.#checkWritten(before, name);
    return length;
  }

  #checkWritten(before: number, name: string): void {
    const items = writtenItems() - before;
    if (items <= this.#maxItems) return;
    throw badValue(name, `at most ${this.#maxItems} values`, items, ["number"]);
  }
}
