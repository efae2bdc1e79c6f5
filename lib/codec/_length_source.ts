/**
 * Where the length of a field of variable size is.
 *
 * A length is a claim: it is a whole number of at least 0, whatever its field can hold, or
 * the packet is malformed, and what it counts is looked for before anything is allocated.
 *
 * Only this folder imports it.
 *
 * @module
 */

import { checkInteger, outOfRange } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type AnyField, implOf, type LengthField } from "./field.ts";
import { type FixedInteger, isFixedInteger } from "./number_fields.ts";
import { checkLength, type PacketReader } from "./_packet_reader.ts";
import { badValue } from "./_refusal.ts";
import { borrowWriter, giveBackWriter, takeWritten } from "./_scratch.ts";

/**
 * A length as the user writes it: a number, the name of an earlier field, a field of a
 * whole number that comes right before, or nothing for all that is left of the frame.
 */
export type LengthSpec = number | string | LengthField | undefined;

/** A {@linkcode LengthSpec}, checked. */
export class LengthSource {
  /** The name of the field that says it. */
  readonly ref: string | undefined;
  /** The length if it is always the same. */
  readonly fixed: number | undefined;
  /** The largest that can be said here; `Infinity` where another field says it. */
  readonly most: number;
  readonly #unit: string;
  /** What says it right before what it counts. */
  readonly #prefix: AnyField | undefined;
  /** The same, where it can be filled in later. */
  readonly #later: FixedInteger | undefined;

  /** Refuses what is not a length, in the name of `field`; `unit` is what is counted. */
  constructor(field: string, unit: string, length: LengthSpec) {
    const action = `make a ${field} field`;
    this.#unit = unit;
    if (typeof length === "string") {
      this.ref = length;
    } else if (typeof length === "number") {
      checkInteger(action, "length", length, 0, 2 ** 32 - 1);
      this.fixed = length;
    } else if (length !== undefined) {
      const prefix = prefixOf(action, length);
      this.#prefix = prefix;
      if (isFixedInteger(prefix)) this.#later = prefix;
    }
    this.most = this.fixed ?? Number(this.#prefix?.max ?? Infinity);
  }

  /** Size of the smallest value, prefix included, of units of `unitBytes`. */
  minBytes(unitBytes: number): number {
    return this.#prefix?.minBytes ?? (this.fixed ?? 0) * unitBytes;
  }

  /** Whether there is no length: what is left of the frame is taken. */
  get takesRest(): boolean {
    return this.ref === undefined && this.fixed === undefined &&
      this.#prefix === undefined;
  }

  /** Reads the length: -1 for what is left. `held` is what the field beside it said. */
  read(reader: PacketReader, held: unknown): number {
    if (this.fixed !== undefined) return this.fixed;
    if (this.ref !== undefined) return toLength(reader, held);
    if (this.#prefix === undefined) return -1;
    return toLength(reader, this.#prefix.read(reader));
  }

  /** Appends a length that is known: `count`. */
  write(count: number, out: ByteWriter): void {
    this.#check(count);
    const prefix = this.#prefix;
    if (prefix === undefined) return;
    prefix.write(typeof prefix.max === "bigint" ? BigInt(count) : count, out);
  }

  /**
   * Makes room for a length that is not known yet, and returns where to append what it
   * counts. In the end comes {@linkcode end}.
   */
  begin(out: ByteWriter): ByteWriter {
    if (this.#prefix === undefined) return out;
    // How long a length of variable size is depends on what it says.
    if (this.#later === undefined) return borrowWriter();
    out.allocate(this.#later.fixedBytes);
    return out;
  }

  /**
   * The length turned out to be `count`, of what was appended to `content`: fills it in at
   * `start`, where the room for it is.
   */
  end(
    out: ByteWriter,
    start: number,
    content: ByteWriter,
    count: number,
  ): number {
    const later = this.#later;
    if (content !== out) {
      this.write(count, out);
      out.write(takeWritten(content));
      giveBackWriter(content);
    } else {
      this.#check(count);
      if (later !== undefined) {
        out.setUint(start, count, later.fixedBytes, later.littleEndian);
      }
    }
    return count;
  }

  #check(count: number): void {
    const { fixed, most } = this;
    if (fixed === undefined ? count <= most : count === fixed) return;
    const must = fixed === undefined ? "at most" : "exactly";
    throw badValue(`${must} ${most} ${this.#unit} long`, count, ["number"]);
  }
}

function prefixOf(action: string, length: LengthField): AnyField {
  const prefix = implOf(action, "length", length);
  const isInteger = prefix.max !== undefined && prefix.ref === undefined &&
    !prefix.takesRest;
  if (isInteger) return prefix;
  const must = "a number, a field's name, or a field of whole numbers like u16";
  throw outOfRange(action, "length", must, prefix.kind);
}

/** A length that was read; what no frame can have is refused as missing. */
function toLength(reader: PacketReader, value: unknown): number {
  if (typeof value === "bigint" && value > Number.MAX_SAFE_INTEGER) {
    throw reader.missing(value);
  }
  const isNumber = typeof value === "number" || typeof value === "bigint";
  const length = isNumber ? Number(value) : NaN;
  if (length >>> 0 !== length) checkLength(length);
  return length;
}
