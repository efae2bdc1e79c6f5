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

import { show, thrownText } from "../_check.ts";

/** More characters of a path are not shown. */
const SHOWN_PATH = 64;

/**
 * What decoding throws inside of a packet. No `Error`: an error costs microseconds, and it
 * is the peer that chooses how many there are.
 */
export class Refusal {
  /** What is wrong, as the predicate of a sentence: `must be 1, got 2`. */
  readonly message: string;
  readonly cause: unknown;
  /** Names of the parts, the innermost first. A peer may choose how many they are. */
  readonly #names: string[] = [];

  constructor(message: string, cause?: unknown) {
    this.message = message;
    this.cause = cause;
  }

  /** The whole text. */
  text(action: string): string {
    const path = this.#path();
    const subject = path === "" ? "the value" : `field ${show(path)}`;
    return `Cannot ${action}: ${subject} ${this.message}`;
  }

  /** What a text has room for, from the outermost name on. */
  #path(): string {
    let path = "";
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const name = this.#names[i];
      path += path === "" || name[0] === "[" ? name : `.${name}`;
      if (path.length > SHOWN_PATH) break;
    }
    return path;
  }

  /** Says that all this is about a part of what is called `name`. */
  within(name: string): void {
    if (name !== "") this.#names.push(name);
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

/**
 * Most values of a list that an error text shows: a peer chooses how often that is made.
 */
const MOST_SHOWN = 16;

/** The values that there are, `count` of them, for an error text: the first where they are many. */
export function oneOf(values: Iterable<unknown>, count: number): string {
  const shown: string[] = [];
  for (const value of values) {
    if (shown.push(show(value)) === MOST_SHOWN) break;
  }
  const more = count - shown.length;
  return `one of ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A value that a field of the user's own threw at. */
export function refusedValue(thrown: unknown): unknown {
  if (refusalOf(thrown) !== undefined) return thrown;
  const isRange = !(thrown instanceof TypeError);
  return refuseValue(isRange, reasonOf(thrown), thrown);
}

/** Why a function of the user's own refused something. */
export function reasonOf(thrown: unknown): string {
  return `was refused: ${thrownText(thrown)}`;
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
  return refusal === undefined
    ? thrown
    : valueError(thrown instanceof RangeError, refusal);
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
