/**
 * The random numbers of a program, from a seed.
 *
 * `crypto.subtle.generateKey`, TLS, `node:crypto` and the order in which a garbage
 * collector runs cannot be seeded.
 *
 * @module
 */

import type { Random } from "../_random.ts";
import type { Replacements } from "./_replacements.ts";

/** Puts `random` in the place of `Math.random` and of what `crypto` draws. */
export function replaceChance(
  replacements: Replacements,
  random: Random,
): void {
  const byte = () => Math.floor(random() * 256);
  const { getRandomValues } = crypto;
  replacements.set(Math, "random", random);
  replacements.set(
    crypto,
    "getRandomValues",
    <T extends ArrayBufferView<ArrayBuffer>>(array: T): T => {
      // Its own checks, so that a wrong array is refused as always.
      getRandomValues.call(crypto, array);
      const { buffer, byteOffset, byteLength } = array;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      for (let i = 0; i < bytes.length; i++) bytes[i] = byte();
      return array;
    },
  );
  replacements.set(crypto, "randomUUID", () => uuid(byte));
}

/** Version 4 of RFC 9562. */
function uuid(byte: () => number): string {
  const bytes = Uint8Array.from({ length: 16 }, byte);
  bytes[6] = bytes[6] & 0x0f | 0x40;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = bytes.toHex();
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]]
    .map(([from, to]) => hex.slice(from, to)).join("-");
}
