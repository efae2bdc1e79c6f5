/**
 * Numbers of variable size.
 *
 * @module
 */

import {
  checkBoolean,
  checkInteger,
  checkNames,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { FieldImpl, type IntegerField } from "./field.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue, Refusal } from "./_refusal.ts";
import { writeVarint } from "./varint_prefixed.ts";

/**
 * Options of {@linkcode varint}.
 *
 * @category Typed packets
 */
export interface VarintOptions<N extends number | bigint = number | bigint> {
  /**
   * Largest value: `2 ** 32 - 1` for protobuf's `uint32`, `2 ** 31 - 1` and `zigzag` for its
   * `sint32`. With `zigzag` the smallest is `-max - 1`.
   *
   * @default {what is exact: 2^53 - 1, or 64 bits with bigint}
   */
  max?: N | undefined;
  /**
   * Most bytes of a value, from 1 to 10: 4 for MQTT. Each byte has seven bits of it.
   *
   * @default {as many as max needs}
   */
  maxBytes?: number | undefined;
  /**
   * Whether values are signed, as in protobuf's `sint32` and `sint64`: 0, -1, 1, -2 are
   * sent as 0, 1, 2, 3.
   *
   * @default {false}
   */
  zigzag?: boolean | undefined;
  /**
   * Whether values are bigints: all of 64 bits, where a number is exact up to 2^53 - 1.
   *
   * @default {false}
   */
  bigint?: boolean | undefined;
  /**
   * Whether to accept values in more bytes than they need, such as 0x80 0x00 for 0.
   * Protobuf's decoders do; MQTT forbids them, and so does all that compares bytes.
   *
   * @default {false}
   */
  overlong?: boolean | undefined;
}

const ACTION = "make a varint field";
const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "max",
  "maxBytes",
  "zigzag",
  "bigint",
  "overlong",
]);
/** So many bytes are read as one number, and what is above them as another. */
const LOW_BYTES = 7;
/** What the other one counts. */
const LOW = 0x2_0000_0000_0000;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * A field of a bigint in LEB128: see the other form of it.
 *
 * @param options With `bigint: true`.
 * @throws {RangeError} `max` or `maxBytes` is out of range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Typed packets
 */
export function varint(
  options: VarintOptions<bigint> & { bigint: true },
): IntegerField<bigint>;
/**
 * A field of a whole number in LEB128: seven bits a byte, the lowest first, and the top bit
 * set on all but the last. Protobuf, MQTT, WebAssembly and DWARF have such numbers.
 *
 * It can be the length of other fields: `bytes(varint())`, `sized(varint({ maxBytes: 4 }), …)`.
 *
 * Decoding refuses what is longer than `maxBytes`, or than it need be, and a number that
 * is above 2^53 - 1, or with `bigint` above 2^64 - 1. Encoding uses as few bytes as it can,
 * and refuses what these cannot hold.
 *
 * @param options Limit and kind.
 * @throws {RangeError} `max` or `maxBytes` is out of range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { struct, varint } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const point = struct({ id: varint(), x: varint({ zigzag: true }) });
 * assertEquals(point.encode({ id: 300, x: -2 }), new Uint8Array([0xac, 2, 3]));
 * ```
 */
export function varint(
  options?: VarintOptions<number> & { bigint?: false },
): IntegerField;
export function varint(
  options: VarintOptions = {},
): IntegerField<bigint> | IntegerField {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { zigzag = false, bigint = false, overlong = false } = options;
  for (const [name, value] of Object.entries({ zigzag, bigint, overlong })) {
    checkBoolean(ACTION, name, value);
  }
  const exact = bigint ? MAX_U64 : BigInt(Number.MAX_SAFE_INTEGER);
  let most = exact;
  if (options.max !== undefined) {
    const max = checkMax(options.max, bigint, zigzag ? exact >> 1n : exact);
    most = zigzag ? 2n * max + 1n : max;
  }
  const { maxBytes = Math.ceil(most.toString(2).length / 7) } = options;
  checkInteger(ACTION, "maxBytes", maxBytes, 1, 10);
  const held = 2n ** BigInt(7 * maxBytes) - 1n;
  return new VarintField(
    held < most ? held : most,
    maxBytes,
    zigzag,
    bigint,
    overlong,
  ) as VarintField & IntegerField;
}

function checkMax(max: unknown, bigint: boolean, most: bigint): bigint {
  const must = `${bigint ? "a bigint" : "an integer"} from 0 to ${most}`;
  if (bigint ? typeof max !== "bigint" : typeof max !== "number") {
    throw wrongKind(ACTION, "max", must, max);
  }
  const isWhole = bigint || Number.isSafeInteger(max);
  if (isWhole && max as number >= 0 && max as number <= most) {
    return BigInt(max as number);
  }
  throw outOfRange(ACTION, "max", must, max);
}

class VarintField extends FieldImpl<number | bigint> {
  readonly kind = "varint";
  readonly fixedBytes = undefined;
  readonly minBytes = 1;
  readonly min: number | bigint;
  override readonly max: number | bigint;
  readonly #maxBytes: number;
  readonly #zigzag: boolean;
  readonly #bigint: boolean;
  readonly #overlong: boolean;
  /** The largest that is sent, before it is made signed. */
  readonly #most: number | bigint;

  constructor(
    most: bigint,
    maxBytes: number,
    zigzag: boolean,
    bigint: boolean,
    overlong: boolean,
  ) {
    super();
    this.#maxBytes = maxBytes;
    this.#zigzag = zigzag;
    this.#bigint = bigint;
    this.#overlong = overlong;
    const of = bigint ? (value: bigint) => value : Number;
    this.#most = of(most);
    this.max = of(zigzag ? most >> 1n : most);
    this.min = of(zigzag ? -(most >> 1n) - 1n : 0n);
  }

  read(reader: PacketReader): number | bigint {
    let low = 0;
    let high = 0;
    let scale = 1;
    for (let i = 1;; i++) {
      const byte = reader.byte();
      if (i <= LOW_BYTES) low += (byte & 0x7f) * scale;
      else high += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && i > 1 && !this.#overlong) {
          throw new Refusal(`must be as short as it can be, got ${i} bytes`);
        }
        return this.#signed(low, high);
      }
      if (i === this.#maxBytes) {
        throw new Refusal(`must be at most ${i} bytes long, got more`);
      }
      scale = i === LOW_BYTES ? 1 : scale * 128;
    }
  }

  #signed(low: number, high: number): number | bigint {
    const value = this.#bigint
      ? BigInt(low) + BigInt(high) * BigInt(LOW)
      : low + high * LOW;
    if (value > this.#most) {
      throw new Refusal(`must be at most ${this.#most}, got more`);
    }
    if (!this.#zigzag) return value;
    if (typeof value === "bigint") return (value >> 1n) ^ -(value & 1n);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  write(value: number | bigint, out: ByteWriter): number {
    const { min, max } = this;
    const type = typeof max;
    const isWhole = typeof value === type &&
      (type === "bigint" || Number.isInteger(value));
    if (!(isWhole && value >= min && value <= max)) {
      const noun = type === "bigint" ? "a bigint" : "an integer";
      throw badValue(`${noun} from ${min} to ${max}`, value, [type]);
    }
    if (typeof value === "bigint") {
      writeLong(this.#zigzag ? (value << 1n) ^ (value >> 63n) : value, out);
    } else {
      const coded = value < 0 ? -2 * value - 1 : 2 * value;
      writeVarint(this.#zigzag ? coded : value, out);
    }
    return 0;
  }
}

function writeLong(value: bigint, out: ByteWriter): void {
  while (value > Number.MAX_SAFE_INTEGER) {
    out.writeByte(Number(value & 0x7fn) | 0x80);
    value >>= 7n;
  }
  writeVarint(Number(value), out);
}
