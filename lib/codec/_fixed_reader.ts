/**
 * Reading structs of a fixed size.
 *
 * Only this folder imports it.
 *
 * @module
 */

import type { AnyField } from "./field.ts";
import { NumberField, numberSource } from "./number_fields.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { PadImpl } from "./plain_fields.ts";

/** Reads all fields from `at` on, whose bytes are known to be there, into an object. */
export type FixedReader = (
  reader: PacketReader,
  view: DataView,
  at: number,
) => object;

/** What is thrown when field `i` of those that begin at `at` has thrown. */
export type FixedFailure = (
  reader: PacketReader,
  thrown: unknown,
  i: number,
  at: number,
) => unknown;

/** A field in its place. */
export interface FixedSlot {
  readonly name: string;
  readonly field: AnyField;
  /** Bytes before it. */
  readonly offset: number;
}

/**
 * A function that reads these fields, one after the other, in one expression; `undefined`
 * where one of them has no fixed size, or where the engine forbids code that is made at run
 * time.
 *
 * Eight numbers take 25 ns that way and 110 field by field: no test of what each one is,
 * no array that holds them, and no number on the heap before it is in its object. Only
 * names, as string literals, and positions go into the code.
 */
export function fixedReader(
  slots: readonly FixedSlot[],
  failure: FixedFailure,
): FixedReader | undefined {
  const properties: string[] = [];
  let calls = false;
  for (const [i, { name, field, offset }] of slots.entries()) {
    if (field.fixedBytes === undefined) return undefined;
    if (field instanceof PadImpl) continue;
    const isNumber = field instanceof NumberField;
    calls ||= !isNumber;
    const source = isNumber
      ? numberSource(field, offset)
      : `(i = ${i}, r.position = at + ${offset}, f[${i}].read(r))`;
    properties.push(`${JSON.stringify(name)}: ${source}`);
  }
  const made = `return { ${properties.join(", ")} };`;
  const body = calls
    ? `let i = 0; try { ${made} } catch (e) { throw failure(r, e, i, at); }`
    : made;
  try {
    const make = new Function(
      "f",
      "failure",
      `return function (r, view, at) { ${body} };`,
    );
    return make(slots.map(({ field }) => field), failure) as FixedReader;
  } catch {
    return undefined;
  }
}
