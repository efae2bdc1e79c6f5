/**
 * Fields inside a length of their own.
 *
 * @module
 */

import { checkInteger, checkNames, outOfRange } from "../_check.ts";
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
import { badValue, Refusal } from "./_refusal.ts";

/**
 * Options of a {@linkcode sized} field.
 *
 * @category Typed packets
 */
export interface SizedFieldOptions {
  /**
   * What is added to the value of the length to get the number of bytes that follow it:
   * -4 where a length of four bytes counts itself, as in PostgreSQL.
   *
   * @default {0}
   */
  adjust?: number | undefined;
}

const ACTION = "make a sized field";
const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set(["adjust"]);
const MAX_ADJUST = 65_536;

/**
 * A field behind its size in bytes. What is inside ends there: a field that takes the
 * rest takes what is left of the size, and what comes next is out of reach.
 *
 * ```txt
 * | length  | of                    |
 * | 2 bytes | as many as it says    |      sized(u16, of)
 * ```
 *
 * Decoding refuses a size that the packet does not have, one that is too small for what
 * is inside, and bytes that are left over. Nothing is allocated for what is claimed. The
 * size is computed when encoding.
 *
 * @param length Where the size is: a field of a whole number such as {@linkcode u16} or
 * {@linkcode varint} that stands right before, or a number where it is always the same.
 * @param of What is inside.
 * @param options What the size counts.
 * @throws {RangeError} `length` is not one of these, or `adjust` is out of range.
 * @throws {TypeError} `of` is not a field, or an option is of the wrong kind or has an
 * unknown name.
 * @category Typed packets
 *
 * @example A message with a type, a length and content of any kind
 * ```ts
 * import { bytes, sized, struct, u16, u32, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const option = struct({ code: u8, value: sized(u16, struct({ id: u32, rest: bytes() })) });
 * const frame = option.encode({ code: 9, value: { id: 1, rest: new Uint8Array([7]) } });
 * assertEquals(frame, new Uint8Array([9, 0, 5, 0, 0, 0, 1, 7]));
 * ```
 */
export function sized<In, Out>(
  length: number | LengthField,
  of: Field<In, Out>,
  options?: SizedFieldOptions,
): Field<In, Out>;
/**
 * A field whose size in bytes is in an earlier field of the same struct. That field is
 * computed when encoding.
 *
 * @param length The name of the earlier field.
 * @param of What is inside.
 * @param options What the size counts.
 * @throws {RangeError} `adjust` is out of range.
 * @throws {TypeError} `of` is not a field, or an option is of the wrong kind or has an
 * unknown name.
 * @category Typed packets
 */
export function sized<In, Out, Ref extends string>(
  length: Ref,
  of: Field<In, Out>,
  options?: SizedFieldOptions,
): Field<In, Out, Ref>;
export function sized<In, Out>(
  length: LengthSpec,
  of: Field<In, Out>,
  options: SizedFieldOptions = {},
): Field<In, Out> {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { adjust = 0 } = options;
  const limit = typeof length === "number" ? 0 : MAX_ADJUST;
  checkInteger(ACTION, "adjust", adjust, -limit, limit);
  const source = new LengthSource("sized", "bytes", length);
  if (source.takesRest) {
    const must =
      "a number, a field's name, or a field of whole numbers like u16";
    throw outOfRange(ACTION, "length", must, length);
  }
  const inner = soleField(ACTION, of);
  const most = source.most + adjust;
  if (inner.minBytes > most || inner.fixedBytes! < (source.fixed ?? 0)) {
    const must = `able to be of ${most} bytes`;
    throw outOfRange(ACTION, "its inner field", must, inner.kind);
  }
  return new SizedField<In, Out>(source, inner, adjust);
}

class SizedField<In, Out> extends FieldImpl<In, Out> {
  readonly kind = "sized";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  readonly #length: LengthSource;
  readonly #of: AnyField;
  readonly #adjust: number;

  constructor(length: LengthSource, of: AnyField, adjust: number) {
    super();
    this.#length = length;
    this.#of = of;
    this.#adjust = adjust;
    this.ref = length.ref;
    this.fixedBytes = length.fixed;
    this.minBytes = this.fixedBytes ?? length.minBytes(1) + of.minBytes;
  }

  read(reader: PacketReader, held?: unknown): In {
    const value = this.#length.read(reader, held);
    const size = value + this.#adjust;
    if (size < 0) {
      const least = `must have a length of at least ${-this.#adjust}`;
      throw new Refusal(`${least}, got ${value}`);
    }
    reader.need(size);
    const { end, isOpen } = reader;
    reader.end = reader.position + size;
    // All of it has come.
    reader.isOpen = false;
    try {
      const inner = this.#of.read(reader);
      if (reader.left === 0) return inner;
      const must = `must be all there is in its ${size} bytes`;
      throw new Refusal(`${must}, got ${reader.left} bytes left`);
    } finally {
      // Also where it throws: a field of the user's own may catch that and go on.
      reader.end = end;
      reader.isOpen = isOpen;
    }
  }

  write(value: Out, out: ByteWriter): number {
    const start = out.length;
    const content = this.#length.begin(out);
    const before = content.length;
    this.#of.write(value, content);
    const size = content.length - before;
    const adjust = this.#adjust;
    if (size < adjust) {
      throw badValue(`at least ${adjust} bytes long`, size, ["number"]);
    }
    return this.#length.end(out, start, content, size - adjust);
  }
}
