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
import { ByteWriter } from "../bytes/byte_writer.ts";
import { type AnyField, implOf, type LengthField } from "./field.ts";
import { type FixedInteger, isFixedInteger } from "./number_fields.ts";
import { checkLength, type PacketReader } from "./_packet_reader.ts";
import { badValue } from "./_refusal.ts";

/**
 * A length as the user writes it: a number, the name of an earlier field, a field of a
 * whole number that comes right before, or nothing for all that is left of the frame.
 */
export type LengthSpec = number | string | LengthField | undefined;

/** From this size on, what was written apart is referred to. */
const REFERENCE_BYTES = 64 * 1024;

/** A {@linkcode LengthSpec}, checked. */
export class LengthSource {
  /** The name of the field that says it. */
  readonly ref: string | undefined;
  /** The length if it is always the same. */
  readonly fixed: number | undefined;
  readonly #unit: string;
  readonly #prefix: AnyField | undefined;

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
      this.#prefix = prefixOf(action, length);
    }
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

  /** The largest that can be said; `Infinity` where another field says it. */
  get most(): number {
    return this.fixed ?? Number(this.#prefix?.max ?? Infinity);
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
    this.#prefix?.write(this.#toValue(count), out);
  }

  /**
   * Makes room for a length that is not known yet, and returns where to append what it
   * counts. In the end comes {@linkcode end}.
   */
  begin(out: ByteWriter): ByteWriter {
    const prefix = this.#prefix;
    if (prefix === undefined) return out;
    // How long such a length is depends on what it says.
    if (!isFixedInteger(prefix)) return new ByteWriter();
    out.allocate(prefix.fixedBytes);
    return out;
  }

  /**
   * All that is counted has been appended to `content`: says how much it is, less
   * `adjust`, in the room that was made at `start`.
   */
  end(out: ByteWriter, start: number, content: ByteWriter, adjust = 0): number {
    const prefix = this.#prefix;
    const isApart = content !== out;
    const size = isApart ? 0 : prefix?.fixedBytes ?? 0;
    const written = isApart ? content.length : out.length - start - size;
    if (written < adjust) {
      throw this.#wrongLength(`at least ${adjust}`, written);
    }
    const count = written - adjust;
    if (isApart) {
      this.write(count, out);
      moveAll(content, out);
      return count;
    }
    this.#check(count);
    if (prefix !== undefined) {
      const { littleEndian } = prefix as FixedInteger;
      out.setUint(start, count, size, littleEndian);
    }
    return count;
  }

  #check(count: number): void {
    const { fixed } = this;
    const max = this.#prefix?.max;
    if (fixed !== undefined && count !== fixed) {
      throw this.#wrongLength(`exactly ${fixed}`, count);
    }
    if (max !== undefined && count > max) {
      throw this.#wrongLength(`at most ${max}`, count);
    }
  }

  #wrongLength(must: string, count: number): Error {
    return badValue(`${must} ${this.#unit} long`, count, ["number"]);
  }

  #toValue(count: number): number | bigint {
    return typeof this.#prefix!.max === "bigint" ? BigInt(count) : count;
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
  const length = Number(value);
  if (length >>> 0 !== length) checkLength(length);
  return length;
}

/** Appends all of `from`, which is not used again. */
function moveAll(from: ByteWriter, to: ByteWriter): void {
  if (from.length < REFERENCE_BYTES) {
    to.write(from.peek());
    from.clear();
  } else {
    // Large pieces are referred to, so their memory is not used again.
    for (const segment of from.segments()) to.write(segment);
    from.abandon();
  }
}
