/**
 * The name that a file has until all of it is there.
 *
 * @module
 */

/** In either case of letters: on some systems both are one file. */
const PART = /^\..*\.part$/i;

/** The name of the part of a file. */
export function partName(name: string): string {
  return `.${name}.part`;
}

/** Whether a name is that of a part. */
export function isPartName(name: string): boolean {
  return PART.test(name);
}
