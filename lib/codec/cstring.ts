/**
 * Text that ends in a zero.
 *
 * @module
 */

import { checkLimit, checkNames } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { type Field, FieldImpl } from "./field.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue } from "./_refusal.ts";
import { checkWellFormed, readText } from "./sized_fields.ts";

/**
 * Options of {@linkcode cstring}.
 *
 * @category Typed packets
 */
export interface CstringOptions {
  /**
   * Most bytes of the text, without the zero. More is a `MalformedFrameError`, and in
   * encoding a `RangeError`. `Infinity` for as many as the packet has.
   *
   * @default {65_536}
   */
  maxBytes?: number | undefined;
}

const ACTION = "make a cstring field";
const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set(["maxBytes"]);
const MAX_BYTES = 65_536;

/**
 * A field of text in UTF-8 that ends in a byte 0, as C has it. Bytes that are not valid
 * UTF-8, and text without its end, are a `MalformedFrameError`. Encoding refuses text
 * with a zero in it: the peer would take the rest for something else.
 *
 * @param options How long it may be.
 * @throws {RangeError} `maxBytes` is out of range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { cstring, struct, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const parameter = struct({ name: cstring({ maxBytes: 64 }), value: cstring() });
 * const frame = parameter.encode({ name: "user", value: "" });
 * assertEquals(frame, new Uint8Array([117, 115, 101, 114, 0, 0]));
 * ```
 */
export function cstring(options: CstringOptions = {}): Field<string> {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { maxBytes = MAX_BYTES } = options;
  checkLimit(ACTION, "maxBytes", maxBytes);
  return new CstringField(maxBytes);
}

class CstringField extends FieldImpl<string> {
  readonly kind = "cstring";
  readonly fixedBytes = undefined;
  readonly minBytes = 1;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  read(reader: PacketReader): string {
    return readText(reader.takeUntil(0, this.#maxBytes));
  }

  write(value: string, out: ByteWriter): number {
    checkWellFormed(value);
    if (value.includes("\0")) {
      throw badValue("text without a zero", value, ["string"]);
    }
    const size = out.writeText(value);
    if (size > this.#maxBytes) {
      const must = `at most ${this.#maxBytes} bytes long`;
      throw badValue(must, size, ["number"]);
    }
    out.writeByte(0);
    return 0;
  }
}
