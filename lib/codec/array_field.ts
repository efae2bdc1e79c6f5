/**
 * Fields of many values.
 *
 * @module
 */

import { checkLimit, checkNames, outOfRange } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type AnyField,
  type Field,
  FieldImpl,
  type LengthField,
  soleField,
} from "./field.ts";
import { LengthSource, type LengthSpec } from "./_length_source.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue, within } from "./_refusal.ts";
import { addWrittenItems, writtenItems } from "./_written_items.ts";

/**
 * Options of an {@linkcode array}.
 *
 * @category Typed packets
 */
export interface ArrayOptions {
  /**
   * Most values, those of arrays inside this one included. A frame with more is a
   * `MalformedFrameError`, and encoding more a `RangeError`. `Infinity` for as many as the
   * frame has bytes for.
   *
   * @default {65_536}
   */
  maxItems?: number | undefined;
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
 * @param length How many: a number, or a field of a whole number such as {@linkcode u16} or
 * {@linkcode varint} that stands right before them. Without it, as many as fill the frame.
 * @param options How many at the most.
 * @throws {RangeError} `length` is not one of these, `of` can be empty or takes the rest
 * of the frame, `maxItems` is out of range, or `length` is a number above it.
 * @throws {TypeError} `of` is not a field.
 * @category Typed packets
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
  length?: number | LengthField,
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
 * @category Typed packets
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
    soleField(action, of),
    new LengthSource("array", "values", length),
    maxItems,
  );
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

  read(reader: PacketReader, held?: unknown): In[] {
    const state = reader.resume() as State<In> | undefined ??
      this.#begin(reader, held);
    const { values, length, before } = state;
    const of = this.#of;
    while (length < 0 ? reader.left > 0 : values.length < length) {
      const { position } = reader;
      try {
        values.push(of.read(reader));
      } catch (thrown) {
        throw reader.stopped(thrown, position, state, `[${values.length}]`);
      }
      reader.countItems(length < 0 ? 1 : 0, before, this.#maxItems);
    }
    return values;
  }

  #begin(reader: PacketReader, held: unknown): State<In> {
    const before = reader.items;
    const length = this.#length.read(reader, held);
    if (length >= 0) {
      // On a stream this waits for the least that so many can take.
      reader.need(length * this.#of.minBytes);
      // Before the first is made: all of them are known to be too many.
      reader.countItems(length, before, this.#maxItems);
    }
    return { values: [], length, before };
  }

  write(values: readonly Out[], out: ByteWriter): number {
    if (!Array.isArray(values)) throw badValue("an array", values, []);
    const of = this.#of;
    const { length } = values;
    const before = writtenItems();
    this.#length.write(length, out);
    addWrittenItems(length);
    // As many as was said, whatever a getter does to the array meanwhile.
    for (let i = 0; i < length; i++) {
      this.#checkWritten(before);
      try {
        of.write(values[i], out);
      } catch (thrown) {
        throw within(thrown, `[${i}]`);
      }
    }
    this.#checkWritten(before);
    return length;
  }

  #checkWritten(before: number): void {
    const items = writtenItems() - before;
    if (items <= this.#maxItems) return;
    throw badValue(`at most ${this.#maxItems} values`, items, ["number"]);
  }
}

/** How far an array is. */
interface State<In> {
  readonly values: In[];
  /** How many there will be; -1 for as many as there are bytes for. */
  readonly length: number;
  /** Values of arrays before this one. */
  readonly before: number;
}
