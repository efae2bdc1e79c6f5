/**
 * Strings that keep nothing else alive.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Strings up to this length are copied when they are cut out of a longer one. */
const COPIED_LENGTH = 12;

/**
 * A string in memory of its own. A piece cut out of a long text keeps all of that
 * text alive, so a few bytes could hold a whole page of what a client sent.
 */
export function owned(text: string): string {
  if (text.length <= COPIED_LENGTH) return text;
  return Buffer.from(text, "latin1").toString("latin1");
}
