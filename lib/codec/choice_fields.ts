/**
 * Fields that may be absent, or that are one of a few values.
 *
 * @module
 */

import { checkObject, outOfRange, show, wrongKind } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type AnyField,
  type Field,
  FieldImpl,
  type IntegerField,
  soleField,
} from "./field.ts";
import { PacketReader } from "./_packet_reader.ts";
import { argumentError, badValue, oneOf, Refusal } from "./_refusal.ts";

/**
 * A field that may be absent: a byte that is 0 or 1, and after a 1 the value. Any other
 * byte is a `MalformedFrameError`.
 *
 * @param of What the value is.
 * @throws {TypeError} `of` is not a field.
 * @throws {RangeError} `of` is optional itself: what is absent in it would arrive as absent.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { optional, struct, u16, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const reply = struct({ code: u8, retryAfter: optional(u16) });
 * assertEquals(reply.encode({ code: 7 }), new Uint8Array([7, 0]));
 * assertEquals(reply.decode(new Uint8Array([7, 1, 0, 9])).retryAfter, 9);
 * ```
 */
export function optional<In, Out>(
  of: Field<In, Out>,
): Field<In | undefined, Out | undefined>;
/**
 * A field that is there if an earlier {@linkcode bool} of the same struct says so.
 * That bool is computed when encoding.
 *
 * @param of What the value is.
 * @param flag The name of the earlier field.
 * @throws {TypeError} `of` is not a field.
 * @throws {RangeError} `of` is optional itself.
 * @category Typed packets
 */
export function optional<In, Out, Ref extends string>(
  of: Field<In, Out>,
  flag: Ref,
): Field<In | undefined, Out | undefined, Ref>;
export function optional<In, Out>(
  of: Field<In, Out>,
  flag?: string,
): Field<In | undefined, Out | undefined> {
  const action = "make an optional field";
  if (flag !== undefined && typeof flag !== "string") {
    throw wrongKind(action, "flag", "a field's name", flag);
  }
  const field = soleField(action, of);
  if (field instanceof OptionalField) {
    const must = "one that cannot be absent itself";
    throw outOfRange(action, "its inner field", must, field.kind);
  }
  return new OptionalField<In, Out>(field, flag);
}

/**
 * A field that is one of a few names, each with its number on the wire. Any other
 * number is a `MalformedFrameError`.
 *
 * @param of The number field underneath.
 * @param names Each name's number.
 * @throws {RangeError} A number does not fit, or is there twice, or there is none.
 * @throws {TypeError} `of` is not a field of whole numbers.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { enumOf, struct, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const move = struct({ to: enumOf(u8, { north: 1, east: 2, south: 3, west: 4 }) });
 * assertEquals(move.decode(new Uint8Array([3])), { to: "south" });
 * ```
 */
export function enumOf<const Names extends Readonly<Record<string, number>>>(
  of: IntegerField,
  names: Names,
): Field<`${keyof Names & (string | number)}`> {
  const field = soleField("make an enumOf field", of);
  return new EnumField<`${keyof Names & (string | number)}`>(field, names);
}

/**
 * A field that is always the same, such as a protocol's magic number. It may be left
 * out when encoding. Any other value is a `MalformedFrameError` when decoding, and
 * a `RangeError` when encoding.
 *
 * @param of What the value is.
 * @param value The value.
 * @throws {TypeError} `of` is not a field, or not one of such values.
 * @throws {RangeError} The value is out of the field's range, or decoding would give
 * another one: `f32` has no 0.1, and `NaN` is not even equal to itself.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { literal, struct, u16, utf8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = struct({ magic: literal(utf8(4), "SLCE"), version: u16 });
 * assertEquals(hello.encode({ version: 1 }).length, 6);
 * ```
 */
export function literal<const T extends number | bigint | boolean | string>(
  of: Field<
    T extends number ? number
      : T extends bigint ? bigint
      : T extends string ? string
      : boolean
  >,
  value: T,
): Field<T, T | undefined> {
  return new LiteralField<T>(soleField("make a literal field", of), value);
}

/** Refuses what every encode would refuse, and what could never be decoded. */
function checkRoundTrip(
  action: string,
  name: string,
  of: AnyField,
  value: unknown,
): void {
  const out = new ByteWriter();
  const reader = new PacketReader();
  let decoded: unknown;
  try {
    of.write(value, out);
    reader.open(out.toBytes());
    decoded = of.read(reader);
  } catch (thrown) {
    throw argumentError(action, name, thrown);
  }
  if (decoded === value) return;
  const must = `a value that ${of.kind} can give back`;
  throw outOfRange(action, name, must, value);
}

class OptionalField<In, Out>
  extends FieldImpl<In | undefined, Out | undefined> {
  readonly kind = "optional";
  readonly fixedBytes = undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  override readonly refKind = "flag";
  override readonly takesRest: boolean;
  readonly #of: AnyField;

  constructor(of: AnyField, flag: string | undefined) {
    super();
    this.#of = of;
    this.ref = flag;
    this.minBytes = flag === undefined ? 1 : 0;
    this.takesRest = of.takesRest;
  }

  read(reader: PacketReader, held?: unknown): In | undefined {
    const present = reader.resume() ??
      (this.ref === undefined ? readFlag(reader) : held);
    if (present !== true) return undefined;
    const { position } = reader;
    try {
      return this.#of.read(reader);
    } catch (thrown) {
      throw reader.stopped(thrown, position, true, "");
    }
  }

  write(value: Out | undefined, out: ByteWriter): number {
    const present = value === undefined ? 0 : 1;
    if (this.ref === undefined) out.writeByte(present);
    if (present === 1) this.#of.write(value, out);
    return present;
  }
}

/** Only 0 and 1 are read: two readers could take another byte differently. */
function readFlag(reader: PacketReader): boolean {
  const byte = reader.byte();
  if (byte > 1) throw new Refusal(`must begin with a byte 0 or 1, got ${byte}`);
  return byte === 1;
}

class EnumField<Name extends string> extends FieldImpl<Name> {
  readonly kind = "enumOf";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  readonly names: readonly Name[];
  readonly #of: AnyField;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #names = new Map<number, Name>();

  constructor(of: AnyField, numbers: Readonly<Record<string, number>>) {
    super();
    const action = "make an enumOf field";
    if (typeof of.max !== "number") {
      const must = "one of whole numbers such as u8";
      throw wrongKind(action, "its field", must, of.kind);
    }
    checkObject(action, "names", numbers);
    this.#of = of;
    this.fixedBytes = of.fixedBytes;
    this.minBytes = of.minBytes;
    this.#numbers = new Map(Object.entries(numbers));
    this.names = Object.keys(numbers) as Name[];
    if (this.names.length === 0) {
      throw outOfRange(action, "names", "an object of at least 1", numbers);
    }
    for (const name of this.names) {
      const number = numbers[name];
      checkRoundTrip(action, show(name), of, number);
      if (this.#names.has(number)) {
        throw outOfRange(action, show(name), "a number of its own", number);
      }
      this.#names.set(number, name);
    }
  }

  read(reader: PacketReader): Name {
    const number = this.#of.read(reader) as number;
    const value = this.#names.get(number);
    if (value === undefined) {
      const must = oneOf(this.#names.keys(), this.#names.size);
      throw new Refusal(`must be ${must}, got ${number}`);
    }
    return value;
  }

  write(value: Name, out: ByteWriter): number {
    const number = this.#numbers.get(value);
    if (number === undefined) {
      const must = oneOf(this.names, this.names.length);
      throw badValue(must, value, ["string"]);
    }
    return this.#of.write(number, out);
  }
}

/** The names of an {@linkcode enumOf}, if that is what `field` is. */
export function namesOf(field: AnyField): readonly string[] | undefined {
  return field instanceof EnumField ? field.names : undefined;
}

class LiteralField<T extends number | bigint | boolean | string>
  extends FieldImpl<T, T | undefined> {
  readonly kind = "literal";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly takesRest: boolean;
  readonly #of: AnyField;
  readonly #value: T;

  constructor(of: AnyField, value: T) {
    super();
    checkRoundTrip("make a literal field", "its value", of, value);
    this.#of = of;
    this.#value = value;
    this.takesRest = of.takesRest;
    this.fixedBytes = of.fixedBytes;
    this.minBytes = of.minBytes;
  }

  read(reader: PacketReader): T {
    const value = this.#of.read(reader);
    if (value !== this.#value) {
      throw new Refusal(`must be ${show(this.#value)}, got ${show(value)}`);
    }
    return this.#value;
  }

  write(value: T | undefined, out: ByteWriter): number {
    if (value !== undefined && value !== this.#value) {
      const must = `${show(this.#value)}, or left out`;
      throw badValue(must, value, [typeof this.#value]);
    }
    return this.#of.write(this.#value, out);
  }
}
