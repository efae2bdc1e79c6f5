/**
 * Checks of codec options: they run when a codec is made, not on its first frame.
 *
 * @module
 */

/** A bad option of the codec `codec`, as an error to throw. */
export function badOption(
  codec: string,
  name: string,
  must: string,
  value: unknown,
): RangeError {
  return new RangeError(
    `Cannot make a ${codec} codec as ${name} must be ${must}: current value is ${
      show(value)
    }`,
  );
}

/** Refuses anything but an integer from `least` to `most`. */
export function checkInteger(
  codec: string,
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (!(Number.isSafeInteger(value) && value >= least && value <= most)) {
    throw badOption(
      codec,
      name,
      `an integer from ${least} to ${most}`,
      value,
    );
  }
}

/** Refuses anything but an integer of at least `least`, or `Infinity`. */
export function checkLimit(
  codec: string,
  name: string,
  value: number,
  least = 0,
): void {
  if (
    value !== Infinity && !(Number.isSafeInteger(value) && value >= least)
  ) {
    throw badOption(
      codec,
      name,
      `an integer of at least ${least}, or Infinity`,
      value,
    );
  }
}

/** Refuses anything that is not one of `choices`. */
export function checkChoice(
  codec: string,
  name: string,
  value: unknown,
  choices: readonly unknown[],
): void {
  if (!choices.includes(value)) {
    throw badOption(
      codec,
      name,
      `one of ${choices.map(show).join(", ")}`,
      value,
    );
  }
}

/** A value for an error text: short, on one line. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) {
    return value instanceof Uint8Array
      ? `${value.length} bytes`
      : `an object of class ${value.constructor?.name ?? "null"}`;
  }
  return typeof value === "function" ? "a function" : String(value);
}
