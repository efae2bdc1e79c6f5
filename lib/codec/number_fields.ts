/**
 * Fields that are a number or a boolean.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type AnyField,
  type Field,
  FieldImpl,
  type IntegerField,
  type UintField,
} from "./field.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue } from "./_refusal.ts";

/** What a number is made of. A number itself, so that a `switch` over it is a jump. */
export type NumberCode = typeof CODES[keyof typeof CODES];

const CODES = {
  u8: 0,
  i8: 1,
  bool: 2,
  u16: 3,
  i16: 4,
  u24: 5,
  u32: 6,
  i32: 7,
  u64: 8,
  i64: 9,
  f32: 10,
  f64: 11,
} as const;

/** A field of one number or boolean, of a fixed size. */
export class NumberField<T extends number | bigint | boolean>
  extends FieldImpl<T> {
  readonly kind: string;
  readonly fixedBytes: number;
  readonly minBytes: number;
  readonly code: NumberCode;
  readonly littleEndian: boolean;
  /** The smallest, where it is a whole number. */
  readonly min: number | bigint | undefined;
  override readonly max: number | bigint | undefined;

  constructor(
    code: keyof typeof CODES,
    size: number,
    littleEndian: boolean,
    min?: number | bigint,
    max?: number | bigint,
  ) {
    super();
    this.kind = littleEndian ? `${code}le` : code;
    this.code = CODES[code];
    this.fixedBytes = this.minBytes = size;
    this.littleEndian = littleEndian;
    this.min = min;
    this.max = max;
  }

  read(reader: PacketReader): T {
    reader.need(this.fixedBytes);
    const value = readNumber(
      reader.view,
      reader.position,
      this.code,
      this.littleEndian,
    );
    reader.position += this.fixedBytes;
    return value as T;
  }

  write(value: T, out: ByteWriter): number {
    const start = out.allocate(this.fixedBytes);
    writeNumber(out.view, start, this, value);
    return 0;
  }
}

/** A number field that can say a length, and be written once that is known. */
export type FixedInteger = NumberField<number | bigint> & {
  readonly max: number | bigint;
};

/** Whether a field is a whole number of a fixed size. */
export function isFixedInteger(field: AnyField): field is FixedInteger {
  return field instanceof NumberField && field.max !== undefined;
}

/** Whether a field is an unsigned number of up to 4 bytes. */
export function isUint(
  field: AnyField,
): field is NumberField<number> & UintField {
  return isFixedInteger(field) && field.min === 0;
}

/** Whether a field can say that another is there. */
export function isBool(field: AnyField): boolean {
  return field instanceof NumberField && field.code === CODES.bool;
}

/** Reads the number at `at`, which is known to be there. */
export function readNumber(
  view: DataView,
  at: number,
  code: NumberCode,
  littleEndian: boolean,
): number | bigint | boolean {
  switch (code) {
    case CODES.u8:
      return view.getUint8(at);
    case CODES.i8:
      return view.getInt8(at);
    case CODES.bool:
      return view.getUint8(at) !== 0;
    case CODES.u16:
      return view.getUint16(at, littleEndian);
    case CODES.i16:
      return view.getInt16(at, littleEndian);
    case CODES.u24:
      return littleEndian
        ? view.getUint16(at, true) + view.getUint8(at + 2) * 65536
        : view.getUint16(at) * 256 + view.getUint8(at + 2);
    case CODES.u32:
      return view.getUint32(at, littleEndian);
    case CODES.i32:
      return view.getInt32(at, littleEndian);
    case CODES.u64:
      return view.getBigUint64(at, littleEndian);
    case CODES.i64:
      return view.getBigInt64(at, littleEndian);
    case CODES.f32:
      return view.getFloat32(at, littleEndian);
    case CODES.f64:
      return view.getFloat64(at, littleEndian);
  }
}

/** What reads each of them; u24 is such a u16 and a byte. */
const GETTERS: readonly (keyof DataView & string)[] = [
  "getUint8",
  "getInt8",
  "getUint8",
  "getUint16",
  "getInt16",
  "getUint16",
  "getUint32",
  "getInt32",
  "getBigUint64",
  "getBigInt64",
  "getFloat32",
  "getFloat64",
];

/** {@linkcode readNumber} as an expression over `view`, `offset` bytes behind `at`. */
export function numberSource(
  { code, littleEndian }: NumberField<number | bigint | boolean>,
  offset: number,
): string {
  const get = (offset: number, method = GETTERS[code]) =>
    `view.${method}(at + ${offset}, ${littleEndian})`;
  if (code === CODES.bool) return `${get(offset)} !== 0`;
  if (code !== CODES.u24) return get(offset);
  return littleEndian
    ? `${get(offset)} + ${get(offset + 2, "getUint8")} * 65536`
    : `${get(offset)} * 256 + ${get(offset + 2, "getUint8")}`;
}

/** Writes `value` at `at`, where room was made, unless it is out of its range. */
export function writeNumber(
  view: DataView,
  at: number,
  field: NumberField<number | bigint | boolean>,
  value: unknown,
): void {
  const { code, littleEndian } = field;
  if (code >= CODES.f32) return writeFloat(view, at, field, value);
  if (code >= CODES.u64) return writeLong(view, at, field, value);
  if (code === CODES.bool) {
    if (typeof value !== "boolean") {
      throw badValue("a boolean", value, []);
    }
    return view.setUint8(at, value ? 1 : 0);
  }
  const number = value as number;
  if (
    !(Number.isInteger(number) && number >= (field.min as number) &&
      number <= (field.max as number))
  ) {
    const must = `an integer from ${field.min} to ${field.max}`;
    throw badValue(must, value, ["number"]);
  }
  switch (code) {
    case CODES.u8:
    case CODES.i8:
      return view.setUint8(at, number);
    case CODES.u16:
    case CODES.i16:
      return view.setUint16(at, number, littleEndian);
    case CODES.u24:
      view.setUint16(at + (littleEndian ? 0 : 1), number, littleEndian);
      return view.setUint8(at + (littleEndian ? 2 : 0), number >>> 16);
    case CODES.u32:
    case CODES.i32:
      return view.setUint32(at, number, littleEndian);
  }
}

function writeFloat(
  view: DataView,
  at: number,
  { code, littleEndian }: NumberField<number | bigint | boolean>,
  value: unknown,
): void {
  if (typeof value !== "number") throw badValue("a number", value, []);
  if (code === CODES.f64) return view.setFloat64(at, value, littleEndian);
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
    const must = "a number that 32 bits can hold";
    throw badValue(must, value, ["number"]);
  }
  view.setFloat32(at, value, littleEndian);
}

function writeLong(
  view: DataView,
  at: number,
  { min, max, littleEndian }: NumberField<number | bigint | boolean>,
  value: unknown,
): void {
  if (!(typeof value === "bigint" && value >= min! && value <= max!)) {
    const must = `a bigint from ${min} to ${max}`;
    throw badValue(must, value, ["bigint"]);
  }
  view.setBigInt64(at, value, littleEndian);
}

function uint(
  code: "u8" | "u16" | "u24" | "u32",
  size: 1 | 2 | 3 | 4,
  littleEndian = false,
): UintField {
  return new NumberField<number>(
    code,
    size,
    littleEndian,
    0,
    2 ** (8 * size) - 1,
  ) as NumberField<number> & UintField;
}

function int(
  code: "i8" | "i16" | "i32",
  size: number,
  littleEndian = false,
): IntegerField {
  const most = 2 ** (8 * size - 1);
  return new NumberField<number>(
    code,
    size,
    littleEndian,
    -most,
    most - 1,
  ) as NumberField<number> & IntegerField;
}

function long(
  code: "u64" | "i64",
  littleEndian: boolean,
): IntegerField<bigint> {
  const signed = code === "i64";
  const min = signed ? -(2n ** 63n) : 0n;
  const max = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return new NumberField<bigint>(
    code,
    8,
    littleEndian,
    min,
    max,
  ) as NumberField<bigint> & IntegerField<bigint>;
}

function float(
  code: "f32" | "f64",
  size: number,
  littleEndian: boolean,
): Field<number> {
  return new NumberField<number>(code, size, littleEndian);
}

/**
 * An integer from 0 to 255 in one byte.
 *
 * @category Typed packets
 */
export const u8: UintField = /* @__PURE__ */ uint("u8", 1);

/**
 * An integer from 0 to 65,535 in two bytes, the highest first.
 *
 * @category Typed packets
 */
export const u16: UintField = /* @__PURE__ */ uint("u16", 2);

/**
 * An integer from 0 to 65,535 in two bytes, the lowest first.
 *
 * @category Typed packets
 */
export const u16le: UintField = /* @__PURE__ */ uint("u16", 2, true);

/**
 * An integer from 0 to 2^24 - 1 in three bytes, the highest first.
 *
 * @category Typed packets
 */
export const u24: UintField = /* @__PURE__ */ uint("u24", 3);

/**
 * An integer from 0 to 2^24 - 1 in three bytes, the lowest first.
 *
 * @category Typed packets
 */
export const u24le: UintField = /* @__PURE__ */ uint("u24", 3, true);

/**
 * An integer from 0 to 2^32 - 1 in four bytes, the highest first.
 *
 * @category Typed packets
 */
export const u32: UintField = /* @__PURE__ */ uint("u32", 4);

/**
 * An integer from 0 to 2^32 - 1 in four bytes, the lowest first.
 *
 * @category Typed packets
 */
export const u32le: UintField = /* @__PURE__ */ uint("u32", 4, true);

/**
 * A bigint from 0 to 2^64 - 1 in eight bytes, the highest first.
 *
 * @category Typed packets
 */
export const u64: IntegerField<bigint> = /* @__PURE__ */ long("u64", false);

/**
 * A bigint from 0 to 2^64 - 1 in eight bytes, the lowest first.
 *
 * @category Typed packets
 */
export const u64le: IntegerField<bigint> = /* @__PURE__ */ long("u64", true);

/**
 * An integer from -128 to 127 in one byte.
 *
 * @category Typed packets
 */
export const i8: IntegerField = /* @__PURE__ */ int("i8", 1);

/**
 * An integer from -32,768 to 32,767 in two bytes, the highest first.
 *
 * @category Typed packets
 */
export const i16: IntegerField = /* @__PURE__ */ int("i16", 2);

/**
 * An integer from -32,768 to 32,767 in two bytes, the lowest first.
 *
 * @category Typed packets
 */
export const i16le: IntegerField = /* @__PURE__ */ int("i16", 2, true);

/**
 * An integer from -2^31 to 2^31 - 1 in four bytes, the highest first.
 *
 * @category Typed packets
 */
export const i32: IntegerField = /* @__PURE__ */ int("i32", 4);

/**
 * An integer from -2^31 to 2^31 - 1 in four bytes, the lowest first.
 *
 * @category Typed packets
 */
export const i32le: IntegerField = /* @__PURE__ */ int("i32", 4, true);

/**
 * A bigint from -2^63 to 2^63 - 1 in eight bytes, the highest first.
 *
 * @category Typed packets
 */
export const i64: IntegerField<bigint> = /* @__PURE__ */ long("i64", false);

/**
 * A bigint from -2^63 to 2^63 - 1 in eight bytes, the lowest first.
 *
 * @category Typed packets
 */
export const i64le: IntegerField<bigint> = /* @__PURE__ */ long("i64", true);

/**
 * An IEEE 754 number of single precision in four bytes, the highest first.
 *
 * @category Typed packets
 */
export const f32: Field<number> = /* @__PURE__ */ float("f32", 4, false);

/**
 * An IEEE 754 number of single precision in four bytes, the lowest first.
 *
 * @category Typed packets
 */
export const f32le: Field<number> = /* @__PURE__ */ float("f32", 4, true);

/**
 * An IEEE 754 number of double precision in eight bytes, the highest first.
 *
 * @category Typed packets
 */
export const f64: Field<number> = /* @__PURE__ */ float("f64", 8, false);

/**
 * An IEEE 754 number of double precision in eight bytes, the lowest first.
 *
 * @category Typed packets
 */
export const f64le: Field<number> = /* @__PURE__ */ float("f64", 8, true);

/**
 * A boolean in one byte: 0 is false, any other value true; true is sent as 1.
 *
 * @category Typed packets
 */
export const bool: Field<boolean> = /* @__PURE__ */ new NumberField<boolean>(
  "bool",
  1,
  false,
);
