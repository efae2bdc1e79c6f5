/**
 * Fields of bytes that mean nothing here: those between others, and those behind them.
 *
 * @module
 */

import { checkInteger } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type Field, FieldImpl } from "./field.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { bytes } from "./sized_fields.ts";

/**
 * A field that has no value: see {@linkcode pad}.
 *
 * @category Typed packets
 */
export interface PadField extends Field<undefined> {
  /** Tells it from fields with a value. */
  readonly isPad: true;
}

/**
 * A field without a value: what is between two others, as in the structs of C. It is sent
 * as zeros, and whatever comes is passed over, so a peer's memory does not break a packet.
 * The object that is decoded has nothing of its name. Where a peer must send zeros, use
 * {@linkcode literal}.
 *
 * @param length How much: bytes in a {@linkcode struct}, bits in {@linkcode bits}. From 1
 * to 65,536.
 * @throws {RangeError} `length` is out of range.
 * @throws {TypeError} `length` is not a number.
 * @category Typed packets
 *
 * @example What C puts between a byte and four that are aligned
 * ```ts
 * import { pad, struct, u32le, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const entry = struct({ kind: u8, _: pad(3), size: u32le });
 * const frame = entry.encode({ kind: 1, size: 2 });
 * assertEquals(frame, new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0]));
 * assertEquals(entry.decode(frame), { kind: 1, size: 2 });
 * ```
 */
export function pad(length: number): PadField {
  checkInteger("make a pad field", "length", length, 1, 65_536);
  return new PadImpl(length);
}

/** A {@linkcode pad} underneath. */
export class PadImpl extends FieldImpl<undefined> implements PadField {
  readonly kind = "pad";
  readonly isPad = true;
  readonly fixedBytes: number;
  readonly minBytes: number;

  constructor(length: number) {
    super();
    this.fixedBytes = this.minBytes = length;
  }

  read(reader: PacketReader): undefined {
    reader.need(this.fixedBytes);
    reader.position += this.fixedBytes;
  }

  write(_value: undefined, out: ByteWriter): number {
    const size = this.fixedBytes;
    const start = out.allocate(size);
    out.block.fill(0, start, start + size);
    return 0;
  }
}

/**
 * A field of all bytes that are left of the frame, or of the {@linkcode sized} field
 * around it: the same as `bytes()`.
 *
 * @category Typed packets
 */
export const rest: Field<Uint8Array<ArrayBuffer>, Uint8Array> =
  /* @__PURE__ */ bytes();
