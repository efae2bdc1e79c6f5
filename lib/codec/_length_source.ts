/**
 * Where the length of a field of variable size is.
 *
 * @module
 */

import { checkInteger, outOfRange } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { FieldReader } from "./_field_reader.ts";
import { badValue, FieldImpl, type UintField } from "./field.ts";
import { isUint, type NumberField } from "./number_fields.ts";

/**
 * A length as the user writes it: a number, the name of an earlier field, a number
 * field that comes right before, or nothing for all that is left of the frame.
 */
export type LengthSpec = number | string | UintField | undefined;

/** A {@linkcode LengthSpec}, checked. */
export class LengthSource {
  /** The name of the field that says it. */
  readonly ref: string | undefined;
  readonly #unit: string;
  readonly #fixed: number | undefined;
  readonly #prefix: (NumberField<number> & UintField) | undefined;

  /** Refuses what is not a length, in the name of `field`; `unit` is what is counted. */
  constructor(field: string, unit: string, length: LengthSpec) {
    this.#unit = unit;
    if (typeof length === "string") {
      this.ref = length;
    } else if (typeof length === "number") {
      checkInteger(`make a ${field} field`, "length", length, 0, 2 ** 32 - 1);
      this.#fixed = length;
    } else if (length instanceof FieldImpl && isUint(length)) {
      this.#prefix = length;
    } else if (length !== undefined) {
      const must = "a number, a field's name, or u8, u16, u24 or u32";
      throw outOfRange(`make a ${field} field`, "length", must, length);
    }
  }

  /** Size of the smallest value, prefix included, of units of `unitBytes`. */
  minBytes(unitBytes: number): number {
    return this.#prefix?.fixedBytes ?? (this.#fixed ?? 0) * unitBytes;
  }

  /** Whether there is no length: what is left of the frame is taken. */
  get takesRest(): boolean {
    return this.ref === undefined && this.#fixed === undefined &&
      this.#prefix === undefined;
  }

  /** The length if it is always the same. */
  get fixed(): number | undefined {
    return this.#fixed;
  }

  /** Reads the length: -1 for what is left. */
  read(reader: FieldReader, name: string, count: number): number {
    if (this.ref !== undefined) return count;
    if (this.#fixed !== undefined) return this.#fixed;
    return this.#prefix === undefined ? -1 : this.#prefix.read(reader, name);
  }

  /** Makes room for the length, and returns where, for {@linkcode end}. */
  begin(out: ByteWriter): number {
    const position = out.length;
    if (this.#prefix !== undefined) out.allocate(this.#prefix.fixedBytes);
    return position;
  }

  /** The length turned out to be `count`: checks it, and writes it in its place. */
  end(out: ByteWriter, position: number, count: number, name: string): void {
    const fixed = this.#fixed;
    if (fixed !== undefined && count !== fixed) {
      const must = `exactly ${fixed} ${this.#unit} long`;
      throw badValue(name, must, count, ["number"]);
    }
    const prefix = this.#prefix;
    if (prefix === undefined) return;
    if (count > prefix.max) {
      const must = `at most ${prefix.max} ${this.#unit} long`;
      throw badValue(name, must, count, ["number"]);
    }
    out.setUint(position, count, prefix.fixedBytes, prefix.littleEndian);
  }
}
