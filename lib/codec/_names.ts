/**
 * Names of the parts of an object: those of structs and of bits.
 *
 * Only this folder imports it.
 *
 * @module
 */

import { outOfRange } from "../_check.ts";

/**
 * Refuses names that an object does not keep in their place: JavaScript moves whole
 * numbers to the front of an object, and `__proto__` sets its prototype.
 */
export function checkName(action: string, name: string): void {
  if (/^(0|[1-9]\d*)$/.test(name)) {
    const must = "more than a whole number, which would move to the front";
    throw outOfRange(action, "a field's name", must, name);
  }
  if (name === "__proto__") {
    throw outOfRange(action, "a field's name", "another than __proto__", name);
  }
}

/** Whether every object has something of this name, such as `constructor`. */
export function isInherited(name: string): boolean {
  return name in Object.prototype;
}

/** What an object holds of a part; never what all objects inherit. */
export function ownValue(
  given: Record<string, unknown>,
  { name, inherited }: { readonly name: string; readonly inherited: boolean },
): unknown {
  if (inherited && !Object.hasOwn(given, name)) return undefined;
  return given[name];
}
