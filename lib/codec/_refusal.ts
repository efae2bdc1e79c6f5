/**
 * What a field refuses, and where in its packet that field is.
 *
 * A field does not know its name: one field may be in any number of structs. So what it
 * throws says only what is wrong, and each struct, array and union that the error passes
 * on its way out adds the name of the field inside it: `header.flags.mode`. The packet,
 * outermost, makes the error for the caller.
 *
 * Only this folder imports it.
 *
 * @module
 */

import { show } from "../_check.ts";

/**
 * What decoding throws inside of a packet. No `Error`: an error costs microseconds, and it
 * is the peer that chooses how many there are.
 */
export class Refusal {
  /** What is wrong, as the predicate of a sentence: `must be 1, got 2`. */
  readonly message: string;
  readonly cause: unknown;
  #path = "";

  constructor(message: string, cause?: unknown) {
    this.message = message;
    this.cause = cause;
  }

  /** The whole text. */
  text(action: string): string {
    const path = this.#path;
    const subject = path === "" ? "the value" : `field ${show(path)}`;
    return `Cannot ${action}: ${subject} ${this.message}`;
  }

  /** Says that all this is about a part of what is called `name`. */
  within(name: string): void {
    if (name === "") return;
    const path = this.#path;
    this.#path = path === "" || path[0] === "["
      ? name + path
      : `${name}.${path}`;
  }

  /** Whether the text would be the same as without any names. */
  get isNameless(): boolean {
    return this.#path === "";
  }
}

/** What is wrong with values that could not be encoded, by the error that says so. */
const refusals = new WeakMap<object, Refusal>();

/** The refusal that was thrown, if it was one. */
function refusalOf(thrown: unknown): Refusal | undefined {
  return thrown instanceof Refusal ? thrown : refusals.get(thrown as object);
}

/** Adds the name of the part of which something was thrown; returns that. */
export function within(thrown: unknown, name: string): unknown {
  refusalOf(thrown)?.within(name);
  return thrown;
}

/** A value that a field cannot encode: of the wrong type, or out of its range. */
export function badValue(
  must: string,
  value: unknown,
  types: readonly string[],
): TypeError | RangeError {
  const isRange = types.includes(typeof value);
  return refuseValue(isRange, `must be ${must}, got ${show(value)}`);
}

/** A value that a field of the user's own threw at. */
export function refusedValue(thrown: unknown): unknown {
  if (refusalOf(thrown) !== undefined) return thrown;
  const isRange = !(thrown instanceof TypeError);
  return refuseValue(isRange, reasonOf(thrown), thrown);
}

/** Why a function of the user's own refused something. */
export function reasonOf(thrown: unknown): string {
  return `was refused: ${
    thrown instanceof Error ? thrown.message : show(thrown)
  }`;
}

function refuseValue(
  isRange: boolean,
  message: string,
  cause?: unknown,
): TypeError | RangeError {
  const refusal = new Refusal(message, cause);
  const error = valueError(isRange, refusal);
  refusals.set(error, refusal);
  return error;
}

function valueError(
  isRange: boolean,
  refusal: Refusal,
): TypeError | RangeError {
  const { cause } = refusal;
  const options = cause === undefined ? undefined : { cause };
  return new (isRange ? RangeError : TypeError)(
    refusal.text("encode"),
    options,
  );
}

/** What `encode` throws: with the name of the field, where there is one. */
export function locatedError(thrown: unknown): unknown {
  const refusal = refusals.get(thrown as object);
  if (refusal === undefined || refusal.isNameless) return thrown;
  return valueError(thrown instanceof RangeError, refusal);
}

/** What making a field throws whose `name` no value of another field is. */
export function argumentError(
  action: string,
  name: string,
  thrown: unknown,
): unknown {
  const refusal = refusalOf(thrown);
  if (refusal === undefined) return thrown;
  const isType = thrown instanceof TypeError;
  const text = `Cannot ${action}: ${name} ${refusal.message}`;
  return new (isType ? TypeError : RangeError)(text);
}
