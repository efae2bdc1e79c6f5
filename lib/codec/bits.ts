/**
 * Fields of single bits.
 *
 * @module
 */

import {
  checkInteger,
  checkNames,
  checkObject,
  checkOneOf,
  outOfRange,
  show,
  wrongKind,
} from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type Field, FieldImpl } from "./field.ts";
import { checkName, isInherited, ownValue } from "./_names.ts";
import { bool } from "./number_fields.ts";
import { type ObjectMaker, objectMaker } from "./_object_maker.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { type PadField, PadImpl } from "./plain_fields.ts";
import { badValue, within } from "./_refusal.ts";

/**
 * The parts of {@linkcode bits}: how many bits a number has, `bool`, or a {@linkcode pad}.
 *
 * @category Typed packets
 */
export type BitParts = Readonly<
  Record<string, number | Field<boolean> | PadField>
>;

/**
 * What decoding {@linkcode bits} gives, and encoding takes.
 *
 * @category Typed packets
 */
export type BitsOf<Parts extends BitParts> = {
  -readonly [
    K in keyof Parts as Parts[K] extends PadField ? never : K
  ]: Parts[K] extends number ? number : boolean;
};

/**
 * Options of {@linkcode bits}.
 *
 * @category Typed packets
 */
export interface BitsOptions {
  /**
   * Where the first part is: `"msb"` in the highest bits of the first byte, as in the
   * pictures of RFCs; `"lsb"` in the lowest bits of the first byte, as in the bit fields of
   * C on little-endian machines. What goes on in the next byte goes on in the same way.
   *
   * @default {"msb"}
   */
  order?: "msb" | "lsb" | undefined;
}

const ACTION = "make a bits field";
const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set(["order"]);

/**
 * A field of small numbers and flags that share bytes.
 *
 * ```txt
 * bits({ type: 4, dup: bool, qos: 2, retain: bool })
 *
 * | 7  6  5  4 |  3  | 2   1 |   0    |
 * |    type    | dup |  qos  | retain |
 * ```
 *
 * Each part is a number of as many bits, from 1 to 53, or a boolean where it is `bool`.
 * A `pad(n)` is n bits that are sent as 0 and passed over. All parts together are 1 to 8
 * whole bytes. Encoding refuses numbers that their bits cannot hold.
 *
 * @param parts Names and sizes, in order.
 * @param options Which bits come first.
 * @throws {RangeError} A size is out of range, or all together are not whole bytes, or more
 * than 8; or a name is a whole number, which JavaScript would move to the front.
 * @throws {TypeError} A part is none of these, or an option has an unknown name.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { bits, bool, struct, u16 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const packet = struct({ header: bits({ urgent: bool, mode: 3, channel: 12 }), size: u16 });
 * const header = { urgent: true, mode: 2, channel: 0x345 };
 * const frame = packet.encode({ header, size: 1 });
 * assertEquals(frame, new Uint8Array([0b1010_0011, 0x45, 0, 1]));
 * assertEquals(packet.decode(frame), { header, size: 1 });
 * ```
 */
export function bits<const Parts extends BitParts>(
  parts: Parts,
  options: BitsOptions = {},
): Field<BitsOf<Parts>> {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { order = "msb" } = options;
  checkOneOf(ACTION, "order", order, ["msb", "lsb"]);
  return new BitsField<BitsOf<Parts>>(parts, order === "lsb");
}

/** One part in its place. */
interface Part {
  readonly name: string;
  readonly inherited: boolean;
  readonly width: number;
  readonly isBool: boolean;
  /** Bits below it. */
  shift: number;
}

class BitsField<T> extends FieldImpl<T> {
  readonly kind = "bits";
  readonly fixedBytes: number;
  readonly minBytes: number;
  readonly #lsbFirst: boolean;
  /** Those with a value. */
  readonly #parts: readonly Part[];
  readonly #make: ObjectMaker;

  constructor(given: BitParts, lsbFirst: boolean) {
    super();
    checkObject(ACTION, "parts", given);
    const parts: Part[] = [];
    let total = 0;
    for (const [name, part] of Object.entries(given)) {
      const width = widthOf(name, part);
      const isBool = part === bool;
      const inherited = isInherited(name);
      if (!(part instanceof PadImpl)) {
        parts.push({ name, inherited, width, isBool, shift: total });
      }
      total += width;
    }
    if (total % 8 !== 0 || total === 0 || total > 64) {
      const must = "8, 16, 24, 32, 40, 48, 56 or 64 bits together";
      throw outOfRange(ACTION, "parts", must, total);
    }
    if (!lsbFirst) {
      for (const part of parts) part.shift = total - part.shift - part.width;
    }
    this.fixedBytes = this.minBytes = total / 8;
    this.#lsbFirst = lsbFirst;
    this.#parts = parts;
    this.#make = objectMaker(parts.map(({ name }) => name));
  }

  read(reader: PacketReader): T {
    const size = this.fixedBytes;
    reader.need(size);
    const { view, position } = reader;
    reader.position += size;
    const parts = this.#parts;
    const values = new Array<unknown>(parts.length);
    // In numbers as far as their operators for bits go.
    let low = 0;
    let all = 0n;
    for (let i = 0; i < size; i++) {
      const at = this.#lsbFirst ? size - 1 - i : i;
      const byte = view.getUint8(position + at);
      if (size <= 4) low = low << 8 | byte;
      else all = all << 8n | BigInt(byte);
    }
    for (let i = 0; i < parts.length; i++) {
      const { width, shift, isBool } = parts[i];
      const value = size <= 4
        ? (low >>> shift & (width < 32 ? (1 << width) - 1 : -1)) >>> 0
        : Number(BigInt.asUintN(width, all >> BigInt(shift)));
      values[i] = isBool ? value === 1 : value;
    }
    return this.#make(values) as T;
  }

  write(value: T, out: ByteWriter): number {
    if (typeof value !== "object" || value === null) {
      throw badValue("an object", value, []);
    }
    const size = this.fixedBytes;
    let low = 0;
    let all = 0n;
    for (const part of this.#parts) {
      const given = ownValue(value as Record<string, unknown>, part);
      const number = toNumber(part, given);
      if (size <= 4) low |= number << part.shift;
      else all |= BigInt(number) << BigInt(part.shift);
    }
    if (size <= 4) {
      out.writeUint(low >>> 0, size, this.#lsbFirst);
      return 0;
    }
    const start = out.allocate(size);
    for (let i = 0; i < size; i++) {
      const at = this.#lsbFirst ? i : size - 1 - i;
      out.block[start + at] = Number(all >> BigInt(8 * i) & 0xffn);
    }
    return 0;
  }
}

/** The value of a part as a number that its bits can hold. */
function toNumber({ name, width, isBool }: Part, value: unknown): number {
  if (isBool) {
    if (typeof value === "boolean") return value ? 1 : 0;
    throw within(badValue("a boolean", value, []), name);
  }
  const most = 2 ** width - 1;
  const number = value as number;
  if (Number.isInteger(number) && number >= 0 && number <= most) return number;
  throw within(
    badValue(`an integer from 0 to ${most}`, value, ["number"]),
    name,
  );
}

/** How many bits a part has; refuses what is no part. */
function widthOf(name: string, part: unknown): number {
  checkName(ACTION, name);
  if (part instanceof PadImpl) return part.fixedBytes;
  if (part === bool) return 1;
  const what = `part ${show(name)}`;
  if (typeof part !== "number") {
    throw wrongKind(ACTION, what, "a number of bits, bool or a pad", part);
  }
  checkInteger(ACTION, what, part, 1, 53);
  return part;
}
