/**
 * Packets with named fields.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { FieldReader } from "./_field_reader.ts";
import {
  type NamedNumber,
  type NumbersReader,
  numbersReader,
} from "./_numbers_reader.ts";
import { type ObjectMaker, objectMaker } from "./_object_maker.ts";
import { show } from "./_options.ts";
import { type AnyField, badValue, type Field, implOf } from "./field.ts";
import {
  isBool,
  isUint,
  NumberField,
  readNumber,
  writeNumber,
} from "./number_fields.ts";
import { type Packet, PacketImpl } from "./packet.ts";

/** The fields of a {@linkcode struct}, in the order of their bytes. */
export type StructFields = Readonly<
  Record<string, Field<unknown, unknown, string>>
>;

/** What decoding a field gives. */
export type InOf<F extends Field<unknown, unknown, string>> = NonNullable<
  F["types"]
>["in"];

/** What encoding a field takes. */
export type OutOf<F extends Field<unknown, unknown, string>> = NonNullable<
  F["types"]
>["out"];

/** Names of other fields that a field leans on. */
export type RefOf<F extends Field<unknown, unknown, string>> = NonNullable<
  F["types"]
>["ref"];

/** Shows a computed type as the plain object that it is. */
export type Plain<T> = { [K in keyof T]: T[K] };

/** What decoding a struct gives. */
export type StructIn<Fields extends StructFields> = {
  -readonly [K in keyof Fields]: InOf<Fields[K]>;
};

/** Fields that may be left out: those that are computed, optional or literal. */
export type OmissibleKeys<Fields extends StructFields> =
  | {
    [K in keyof Fields]: undefined extends OutOf<Fields[K]> ? K : never;
  }[keyof Fields]
  | (RefOf<Fields[keyof Fields]> & keyof Fields);

/** What encoding a struct takes. */
export type StructOut<Fields extends StructFields> = Plain<
  & {
    [K in Exclude<keyof Fields, OmissibleKeys<Fields>>]: OutOf<Fields[K]>;
  }
  & { [K in OmissibleKeys<Fields>]?: OutOf<Fields[K]> }
>;

/** Lets the compiler refuse a length that names no number or bool of the struct. */
export type CheckedFields<Fields extends StructFields> = {
  [K in keyof Fields]: RefOf<Fields[K]> extends {
    [N in keyof Fields]: InOf<Fields[N]> extends number | boolean ? N : never;
  }[keyof Fields] ? Fields[K]
    : never;
};

/** A packet with named fields. */
export interface Struct<In, Out = In> extends Packet<In, Out> {
  /** Its fields, in the order of their bytes. */
  readonly fields: StructFields;
}

/**
 * A packet with named fields, one after the other, with nothing between them and
 * no padding.
 *
 * ```txt
 * struct({ version: u8, size: u16, body: bytes("size") })
 *
 * | version | size (highest first) | body         |
 * | 1 byte  | 2 bytes              | "size" bytes |
 * ```
 *
 * Numbers have their highest byte first, unless their name ends in `le`. A field
 * that another names as its length is computed when encoding, and may then be left
 * out; given a wrong value, encoding refuses. The TypeScript types of both
 * directions follow from the fields.
 *
 * Decoding reads nothing behind the frame, refuses bytes that are left over, and
 * allocates no more than the bytes that are there call for, whatever lengths they
 * claim. To take the rest of a frame, end with `bytes()`. The work of a definition
 * is done once, here.
 *
 * A struct is a field, too, so structs nest.
 *
 * @param fields Names and kinds, in order; at least one.
 * @returns The packet; put it on a connection with {@linkcode packets}.
 * @throws {TypeError} A field is none.
 * @throws {RangeError} There are no fields, or a length names a field that does not
 * come before, or that cannot say it.
 *
 * @example
 * ```ts
 * import { bytes, struct, u16, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const message = struct({ version: u8, size: u16, body: bytes("size") });
 * const frame = message.encode({ version: 1, body: new Uint8Array([7, 8]) });
 * assertEquals(frame, new Uint8Array([1, 0, 2, 7, 8]));
 * assertEquals(message.decode(frame).size, 2);
 * ```
 */
export function struct<const Fields extends StructFields>(
  fields: Fields & CheckedFields<Fields>,
): Struct<Plain<StructIn<Fields>>, StructOut<Fields>> {
  return new StructImpl<Plain<StructIn<Fields>>, StructOut<Fields>>(fields);
}

/** A field in its place in a struct. */
interface Slot {
  readonly name: string;
  readonly field: AnyField;
  /** The field again, if it is a number: read and written without a call. */
  readonly number: NumberField<number | bigint | boolean> | undefined;
  /** Bytes of the numbers in a row that begin here; 0 inside of such a row. */
  run: number;
  /** The slot that holds this one's length; -1 for none. */
  readonly from: number;
  /** Whether it is the length of another. */
  computed: boolean;
}

/** Positions and values of computed fields, while a struct is written. */
interface Mark {
  readonly position: number;
  count: number;
}

const NO_MARKS: Mark[] = [];

/** A struct, compiled into slots. */
export class StructImpl<In, Out> extends PacketImpl<In, Out>
  implements Struct<In, Out> {
  readonly kind = "struct";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  readonly fields: StructFields;
  readonly #slots: readonly Slot[];
  readonly #make: ObjectMaker;
  /** All of it at once, where it is numbers alone. */
  readonly #readNumbers: NumbersReader | undefined;
  /** What the last frame held; a struct is never inside itself, so one array will do. */
  readonly #values: unknown[];
  readonly #hasComputed: boolean;

  constructor(fields: StructFields) {
    super();
    this.fields = fields;
    const slots = compile(fields);
    this.#slots = slots;
    this.#values = slots.map(() => undefined);
    this.#make = objectMaker(slots.map(({ name }) => name));
    this.#readNumbers = slots.every(isNumber)
      ? numbersReader(slots)
      : undefined;
    this.#hasComputed = slots.some(({ computed }) => computed);
    this.minBytes = sum(slots.map(({ field }) => field.minBytes));
    this.fixedBytes = slots.some(({ field }) => field.fixedBytes === undefined)
      ? undefined
      : this.minBytes;
  }

  read(reader: FieldReader): In {
    const slots = this.#slots;
    if (this.#readNumbers !== undefined) {
      reader.need(this.minBytes, slots[0].name);
      const value = this.#readNumbers(reader.view, reader.position);
      reader.position += this.minBytes;
      return value as In;
    }
    const values = this.#values;
    const { view } = reader;
    let { position } = reader;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      const { number } = slot;
      if (number === undefined) {
        reader.position = position;
        const count = slot.from < 0 ? -1 : Number(values[slot.from]);
        values[i] = slot.field.read(reader, slot.name, count);
        position = reader.position;
        continue;
      }
      if (slot.run > 0) {
        reader.position = position;
        reader.need(slot.run, slot.name);
      }
      values[i] = readNumber(view, position, number.code, number.littleEndian);
      position += number.fixedBytes;
    }
    reader.position = position;
    return this.#make(values) as In;
  }

  write(value: Out, out: ByteWriter, name: string): number {
    if (typeof value !== "object" || value === null) {
      throw badValue(name, "an object", value, []);
    }
    const given = value as Record<string, unknown>;
    const slots = this.#slots;
    const marks = this.#hasComputed ? new Array<Mark>(slots.length) : NO_MARKS;
    let position = 0;
    let start = 0;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      const { number } = slot;
      if (number === undefined) {
        const count = slot.field.write(given[slot.name], out, slot.name);
        if (slot.from >= 0) {
          fill(slots[slot.from], marks[slot.from], count, out);
        }
        continue;
      }
      if (slot.run > 0) {
        position = out.length;
        start = out.allocate(slot.run);
      }
      if (slot.computed) marks[i] = { position, count: -1 };
      else writeNumber(out.view, start, number, given[slot.name], slot.name);
      position += number.fixedBytes;
      start += number.fixedBytes;
    }
    if (this.#hasComputed) checkGiven(slots, marks, given);
    return 0;
  }
}

/** Writes what a computed field must say. */
function fill(slot: Slot, mark: Mark, count: number, out: ByteWriter): void {
  const { name, number } = slot;
  if (mark.count >= 0 && mark.count !== count) {
    const must = `the length of all fields that name it, such as ${mark.count}`;
    throw badValue(name, must, count, ["number"]);
  }
  mark.count = count;
  const { max, fixedBytes, littleEndian } = number!;
  if (count > Number(max)) {
    throw badValue(name, `a length of at most ${max}`, count, ["number"]);
  }
  out.setUint(mark.position, count, fixedBytes, littleEndian);
}

/** Refuses a computed field that was given with another value. */
function checkGiven(
  slots: readonly Slot[],
  marks: readonly Mark[],
  given: Record<string, unknown>,
): void {
  for (let i = 0; i < slots.length; i++) {
    const { name, computed } = slots[i];
    if (!computed || given[name] === undefined) continue;
    const { count } = marks[i];
    if (Number(given[name]) !== count) {
      const must = `${count}, as long as the field that names it, or left out`;
      throw badValue(name, must, given[name], ["number", "boolean"]);
    }
  }
}

function isNumber(slot: Slot): slot is Slot & NamedNumber {
  return slot.number !== undefined;
}

function compile(fields: StructFields): Slot[] {
  const names = Object.keys(fields);
  if (names.length === 0) {
    throw new RangeError(
      "Cannot make a struct as its fields must be at least 1: current value is 0",
    );
  }
  const slots: Slot[] = [];
  for (const name of names) {
    const field = implOf(fields[name], show(name));
    const from = findRef(slots, name, field);
    const number = field instanceof NumberField ? field : undefined;
    slots.push({ name, field, number, run: 0, from, computed: false });
    if (from >= 0) slots[from].computed = true;
  }
  let run = 0;
  for (let i = slots.length - 1; i >= 0; i--) {
    const { number } = slots[i];
    run = number === undefined ? 0 : run + number.fixedBytes;
    if (i === 0 || slots[i - 1].number === undefined) slots[i].run = run;
  }
  return slots;
}

/** The place of the field that holds the length of `field`, or -1 for none. */
function findRef(
  slots: readonly Slot[],
  name: string,
  field: AnyField,
): number {
  if (name === "__proto__") {
    throw new RangeError(
      "Cannot make a struct as a field's name must be another than __proto__: current value is __proto__",
    );
  }
  const { ref, refKind } = field;
  if (ref === undefined) return -1;
  const from = slots.findIndex((slot) => slot.name === ref);
  const found = slots[from]?.field;
  const fits = found !== undefined &&
    (refKind === "flag" ? isBool(found) : isUint(found));
  if (fits) return from;
  const must = refKind === "flag" ? "a bool" : "a u8, u16, u24 or u32";
  throw new RangeError(
    `Cannot make a struct as the ${refKind} of ${
      show(name)
    } must be ${must} before it: current value is ${show(ref)}`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
