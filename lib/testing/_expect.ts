/**
 * What the checks of all conformance kits say and send.
 *
 * @module
 */

import { AssertionError } from "./_decoding.ts";
import { isEqual } from "./_equal.ts";

/** Throws unless `actual` is as expected; `what` begins the sentence. */
export function expect(what: string, actual: unknown, expected: unknown): void {
  if (isEqual(actual, expected)) return;
  throw new AssertionError(
    `${what} must be ${Deno.inspect(expected)}, got ${Deno.inspect(actual)}`,
  );
}

/** Bytes that depend on their place: a lost, doubled or swapped byte shows. */
export function pattern(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >>> 8) * 17 + seed;
  return bytes;
}
