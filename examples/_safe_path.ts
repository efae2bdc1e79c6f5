/**
 * Paths that come from the network: relative, leading nowhere else, and of names that
 * every system takes for the same file.
 *
 * @module
 */

import { visibleText } from "./_safe_text.ts";

/** Most names in a path. A tree without a bound costs more with each level. */
export const MAX_LEVELS = 32;
const MAX_PATH_BYTES = 4_000;
const MAX_NAME_BYTES = 240;
/** What some system does not take in a name, or takes for something else. */
// deno-lint-ignore no-control-regex -- control characters are among it
const ODD = /[\x00-\x1f\x7f\\/:*?"<>|]|[ .]$|^ /;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])(\..*)?$/i;
/** Emoji are made with joiners and selectors that are not seen anywhere else. */
const EMOJI = /\p{RGI_Emoji}/gv;

/** A path is not safe to use; the message says why. */
export class UnsafePathError extends Error {
  static {
    this.prototype.name = "UnsafePathError";
  }
}

/**
 * The names in a relative path with slashes.
 *
 * @throws {UnsafePathError} It is absolute, leads upwards, is too deep or too long, or
 * a name in it is not safe.
 */
export function safeNames(path: string): string[] {
  // Before anything is done with it: it may have thousands of levels.
  if (byteLength(path) > MAX_PATH_BYTES) refuse(`it is too long`);
  const names = path.split("/");
  if (names.length > MAX_LEVELS) {
    refuse(`it has ${names.length} levels, at most ${MAX_LEVELS} are taken`);
  }
  const unsafe = names.find((name) => !isSafeName(name));
  if (unsafe !== undefined) refuse(`"${visibleText(unsafe, 80)}" is not`);
  return names;
}

/**
 * Whether a name can be that of one file on every system, and can be seen: no control
 * characters, nothing invisible or that turns text around, no other form of the same
 * letters (NFC), no device of Windows.
 */
export function isSafeName(name: string): boolean {
  if (name === "" || ODD.test(name) || DEVICE.test(name)) return false;
  if (byteLength(name) > MAX_NAME_BYTES || !name.isWellFormed()) return false;
  const text = name.replaceAll(EMOJI, "");
  return visibleText(text) === text && name.normalize("NFC") === name;
}

/** Whether a path is another one or leads to something in it; "" is everything. */
export function isAtOrBelow(path: string, base: string): boolean {
  return base === "" || path === base || path.startsWith(`${base}/`);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function refuse(why: string): never {
  throw new UnsafePathError(
    `its path must be relative and of names that every system takes: ${why}`,
  );
}
