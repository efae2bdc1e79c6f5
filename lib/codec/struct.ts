/**
 * Packets with named fields.
 *
 * @module
 */

import { checkObject, outOfRange, show, wrongKind } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type AnyField, type Field, implOf } from "./field.ts";
import { type FixedReader, fixedReader } from "./_fixed_reader.ts";
import { checkName, isInherited, ownValue } from "./_names.ts";
import {
  isBool,
  isFixedInteger,
  NumberField,
  readNumber,
  writeNumber,
} from "./number_fields.ts";
import { type ObjectMaker, objectMaker } from "./_object_maker.ts";
import { type Packet, PacketImpl } from "./packet.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { type PadField, PadImpl } from "./plain_fields.ts";
import { badValue, within } from "./_refusal.ts";

/**
 * The fields of a {@linkcode struct}, in the order of their bytes.
 *
 * @category Typed packets
 */
export type StructFields = Readonly<
  Record<string, Field<unknown, unknown, string>>
>;

/**
 * What decoding a field gives.
 *
 * @category Typed packets
 */
export type InOf<F extends Field<unknown, unknown, string>> = F extends
  Field<infer In, infer _Out, infer _Ref> ? In : never;

/**
 * What encoding a field takes.
 *
 * @category Typed packets
 */
export type OutOf<F extends Field<unknown, unknown, string>> = F extends
  Field<infer _In, infer Out, infer _Ref> ? Out : never;

/**
 * Names of other fields that hold the length, the number or the presence of a field.
 *
 * @category Typed packets
 */
export type RefOf<F extends Field<unknown, unknown, string>> = F extends unknown
  ? "types" extends keyof F ? NonNullable<F["types"]>["ref"] : never
  : never;

/**
 * Shows a computed type as the plain object that it is.
 *
 * @category Typed packets
 */
export type Plain<T> = { [K in keyof T]: T[K] };

/**
 * The names of fields that have a value: all but those of a {@linkcode pad}.
 *
 * @category Typed packets
 */
export type ValueKeys<Fields extends StructFields> = {
  [K in keyof Fields]: Fields[K] extends PadField ? never : K;
}[keyof Fields];

/**
 * What decoding a struct gives.
 *
 * @category Typed packets
 */
export type StructIn<Fields extends StructFields> = {
  -readonly [
    K in keyof Fields as Fields[K] extends PadField ? never : K
  ]: InOf<Fields[K]>;
};

/**
 * Fields that may be left out: those that are computed, optional or literal.
 *
 * @category Typed packets
 */
export type OmissibleKeys<Fields extends StructFields> = Extract<
  | {
    [K in keyof Fields]: undefined extends OutOf<Fields[K]> ? K : never;
  }[keyof Fields]
  | (RefOf<Fields[keyof Fields]> & keyof Fields),
  ValueKeys<Fields>
>;

/**
 * What encoding a struct takes.
 *
 * @category Typed packets
 */
export type StructOut<Fields extends StructFields> = Plain<
  & {
    [K in Exclude<ValueKeys<Fields>, OmissibleKeys<Fields>>]: OutOf<Fields[K]>;
  }
  & { [K in OmissibleKeys<Fields>]?: OutOf<Fields[K]> }
>;

/**
 * Lets the compiler refuse a length that names no number or bool of the struct.
 *
 * @category Typed packets
 */
export type CheckedFields<Fields extends StructFields> = {
  [K in keyof Fields]: RefOf<Fields[K]> extends {
    [N in keyof Fields]: InOf<Fields[N]> extends number | bigint | boolean ? N
      : never;
  }[keyof Fields] ? Fields[K]
    : never;
};

/**
 * A packet with named fields.
 *
 * @category Typed packets
 */
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
 * out; a value that differs is refused. The TypeScript types of both
 * directions follow from the fields.
 *
 * Decoding reads nothing behind the frame, refuses bytes that are left over, and
 * allocates no more than the bytes that are there call for, whatever lengths they
 * claim. To take the rest of a frame, end with `bytes()`. The work of a definition
 * is done once, here.
 *
 * A struct is a field, too, so structs nest.
 *
 * @param fields Names and fields, in the order of their bytes. None at all for a packet
 * without content, such as a variant of a {@linkcode union} that is its tag alone.
 * @returns The packet; put it on a connection with {@linkcode packets}.
 * @throws {TypeError} `fields` is not an object, or one of them is not a field.
 * @throws {RangeError} A length names a field that does not come
 * before, or that cannot say it; a field takes the rest of the frame and is not the last;
 * a name is a whole number, which JavaScript would move to the front.
 * @category Typed packets
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
  /** Bytes before it, where the size of all of them is fixed. */
  readonly offset: number;
  /** Bytes of a pad; 0 for all else. */
  readonly pad: number;
  /** Bytes of the numbers and pads in a row that begin here; 0 inside of such a row. */
  run: number;
  /** The slot that holds this one's length; -1 for none. */
  readonly from: number;
  /** Whether it is the length of another. */
  computed: boolean;
  /** Whether every object has something of this name. */
  readonly inherited: boolean;
}

/** How far a struct is. */
interface State {
  readonly values: unknown[];
  readonly next: number;
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
  override readonly takesRest: boolean;
  readonly #slots: readonly Slot[];
  readonly #make: ObjectMaker;
  /** All of it at once, where its size is fixed. */
  readonly #readFixed: FixedReader | undefined;
  readonly #hasComputed: boolean;

  constructor(fields: StructFields) {
    super();
    checkFields(fields);
    // What becomes of the object later must not change what a union makes of it.
    this.fields = Object.freeze({ ...fields });
    const slots = compile(this.fields);
    this.#slots = slots;
    this.#make = objectMaker(
      slots.map(({ name, pad }) => pad > 0 ? undefined : name),
    );
    this.#readFixed = fixedReader(slots, (reader, thrown, i, at) => {
      // Of a field that took more bytes than it said, all are read again.
      if (reader.isShort) return reader.ownStopped(thrown, reader.items);
      const { name, offset } = slots[i];
      return reader.stopped(thrown, at + offset, undefined, name);
    });
    this.#hasComputed = slots.some(({ computed }) => computed);
    this.takesRest = slots.at(-1)?.field.takesRest ?? false;
    this.minBytes = sum(slots.map(({ field }) => field.minBytes));
    this.fixedBytes = slots.some(({ field }) => field.fixedBytes === undefined)
      ? undefined
      : this.minBytes;
  }

  read(reader: PacketReader): In {
    const { position } = reader;
    const size = this.minBytes;
    // Where bytes are missing, the other way says of which field.
    if (
      this.#readFixed !== undefined && size <= reader.end - position &&
      reader.saved.length === 0
    ) {
      const value = this.#readFixed(reader, reader.view, position);
      reader.position = position + size;
      return value as In;
    }
    return this.#readEach(reader);
  }

  #readEach(reader: PacketReader): In {
    const slots = this.#slots;
    const state = reader.resume() as State | undefined;
    // An array of its own: one that is kept would keep the frame, and a struct may be
    // decoded while another value of it is.
    const values = state?.values ?? new Array<unknown>(slots.length);
    const { view } = reader;
    let { position } = reader;
    let i = state?.next ?? 0;
    try {
      for (; i < slots.length; i++) {
        const slot = slots[i];
        const { number } = slot;
        if (slot.run > 0) {
          reader.position = position;
          reader.need(slot.run);
        }
        if (number !== undefined) {
          const { code, littleEndian } = number;
          values[i] = readNumber(view, position, code, littleEndian);
          position += number.fixedBytes;
        } else if (slot.pad > 0) {
          position += slot.pad;
        } else {
          reader.position = position;
          const held = slot.from < 0 ? undefined : values[slot.from];
          values[i] = slot.field.read(reader, held);
          position = reader.position;
        }
      }
    } catch (thrown) {
      const state: State = { values, next: i };
      throw reader.stopped(thrown, position, state, slots[i].name);
    }
    reader.position = position;
    return this.#make(values) as In;
  }

  write(value: Out, out: ByteWriter): number {
    if (typeof value !== "object" || value === null) {
      throw badValue("an object", value, []);
    }
    const given = value as Record<string, unknown>;
    const slots = this.#slots;
    const marks = this.#hasComputed ? new Array<Mark>(slots.length) : NO_MARKS;
    let position = 0;
    let start = 0;
    // The field that an error would be about.
    let at = 0;
    try {
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i];
        const { number } = slot;
        at = i;
        if (number === undefined && slot.pad === 0) {
          const count = slot.field.write(ownValue(given, slot), out);
          if (slot.from < 0) continue;
          at = slot.from;
          fill(slots[at], marks[at], count, out);
          continue;
        }
        if (slot.run > 0) {
          position = out.length;
          start = out.allocate(slot.run);
        }
        if (number === undefined) out.block.fill(0, start, start + slot.pad);
        else if (slot.computed) marks[i] = { position, count: -1 };
        else writeNumber(out.view, start, number, ownValue(given, slot));
        const size = number?.fixedBytes ?? slot.pad;
        position += size;
        start += size;
      }
    } catch (thrown) {
      throw within(thrown, slots[at].name);
    }
    if (this.#hasComputed) checkGiven(slots, marks, given);
    return 0;
  }
}

/** Writes what a computed field must say. */
function fill(slot: Slot, mark: Mark, count: number, out: ByteWriter): void {
  if (mark.count >= 0 && mark.count !== count) {
    const must = `the length of all fields that name it, such as ${mark.count}`;
    throw badValue(must, count, ["number"]);
  }
  mark.count = count;
  const { max = 1, fixedBytes, littleEndian } = slot.number!;
  if (count > max) {
    throw badValue(`a length of at most ${max}`, count, ["number"]);
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
    if (!slots[i].computed) continue;
    const value = ownValue(given, slots[i]);
    const computed = valueOf(slots[i].number!, marks[i].count);
    if (value === undefined || value === computed) continue;
    const must = `${computed}, as long as the field that names it, or left out`;
    const types = [typeof computed];
    throw within(badValue(must, value, types), slots[i].name);
  }
}

/** A length or a flag as its field has it. */
function valueOf(
  { max }: NumberField<number | bigint | boolean>,
  count: number,
): unknown {
  if (max === undefined) return count === 1;
  return typeof max === "bigint" ? BigInt(count) : count;
}

const ACTION = "make a struct";

/** Refuses what has no names, where it would make a struct without any field. */
function checkFields(fields: unknown): void {
  checkObject(ACTION, "fields", fields);
  if (Symbol.iterator in fields) {
    throw wrongKind(ACTION, "fields", "an object of names and fields", fields);
  }
}

function compile(fields: StructFields): Slot[] {
  const slots: Slot[] = [];
  let offset = 0;
  for (const name of Object.keys(fields)) {
    checkName(ACTION, name);
    const field = implOf(ACTION, `field ${show(name)}`, fields[name]);
    const before = slots.at(-1);
    if (before?.field.takesRest) {
      const taker = `field ${show(before.name)}`;
      const must = "the last one, as it takes the rest of the frame";
      throw outOfRange(ACTION, taker, must, `${show(name)} after it`);
    }
    const from = findRef(slots, name, field);
    const number = field instanceof NumberField ? field : undefined;
    const inherited = isInherited(name);
    slots.push({
      name,
      field,
      number,
      offset,
      pad: field instanceof PadImpl ? field.fixedBytes : 0,
      run: 0,
      from,
      computed: false,
      inherited,
    });
    offset += field.minBytes;
    if (from >= 0) slots[from].computed = true;
  }
  let run = 0;
  for (let i = slots.length - 1; i >= 0; i--) {
    const size = plainBytes(slots[i]);
    run = size === 0 ? 0 : run + size;
    if (i === 0 || plainBytes(slots[i - 1]) === 0) slots[i].run = run;
  }
  return slots;
}

/** The size of what is read and written here, not by a field's own methods. */
function plainBytes({ number, pad }: Slot): number {
  return number?.fixedBytes ?? pad;
}

/** The place of the field that holds the length of `field`, or -1 for none. */
function findRef(
  slots: readonly Slot[],
  name: string,
  field: AnyField,
): number {
  const { ref, refKind } = field;
  if (ref === undefined) return -1;
  const from = slots.findIndex((slot) => slot.name === ref);
  const found = slots[from]?.field;
  const fits = found !== undefined &&
    (refKind === "flag" ? isBool(found) : isFixedInteger(found));
  if (fits) return from;
  const must = refKind === "flag" ? "a bool" : "a whole number of a fixed size";
  throw outOfRange(
    ACTION,
    `the ${refKind} of ${show(name)}`,
    `${must} before it`,
    ref,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
