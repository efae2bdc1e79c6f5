/**
 * What a field of a packet is.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import { show, wrongKind } from "../_check.ts";
import type { FieldReader } from "./_field_reader.ts";

/**
 * A field of a {@linkcode struct}: how one value looks in bytes. Made by functions
 * such as {@linkcode u16}, {@linkcode bytes} and {@linkcode array}, and by
 * {@linkcode struct} itself. Immutable: one field can be used in any number of
 * structs.
 *
 * @typeParam In The type that decoding gives.
 * @typeParam Out The type that encoding takes.
 * @typeParam Ref The name of the other field that has this one's length.
 */
export interface Field<In, Out = In, Ref extends string = never> {
  /** Its name in messages, for instance `"u16"`. */
  readonly kind: string;
  /** Size in bytes if every value has the same, else `undefined`. */
  readonly fixedBytes: number | undefined;
  /** Carries the types; there is nothing at run time. */
  readonly types?: { readonly in: In; readonly out: Out; readonly ref: Ref };
}

/** A field whose value is a whole number: what lengths and tags can be made of. */
export interface UintField extends Field<number> {
  /** Size in bytes. */
  readonly fixedBytes: 1 | 2 | 3 | 4;
  /** Its largest value. */
  readonly max: number;
}

/** How to read and write a field. Every {@linkcode Field} is one underneath. */
export abstract class FieldImpl<
  In = unknown,
  Out = In,
  Ref extends string = never,
> implements Field<In, Out, Ref> {
  declare readonly types?: {
    readonly in: In;
    readonly out: Out;
    readonly ref: Ref;
  };
  abstract readonly kind: string;
  abstract readonly fixedBytes: number | undefined;
  /** Size of the smallest value. */
  abstract readonly minBytes: number;
  /** The field beside this one that holds its length, count or presence. */
  readonly ref: string | undefined = undefined;
  /** What that field must be. */
  readonly refKind: "length" | "flag" = "length";
  /** Whether it takes all that is left of the frame: nothing can follow it. */
  readonly takesRest: boolean = false;

  /**
   * Reads a value and moves on.
   *
   * @param name The field's name, for messages.
   * @param count What the referenced field said; -1 if there is none.
   */
  abstract read(reader: FieldReader, name: string, count: number): In;

  /** Appends a value, and returns what the referenced field must say. */
  abstract write(value: Out, out: ByteWriter, name: string): number;
}

/** A field as the structs of this folder use it. */
// deno-lint-ignore no-explicit-any
export type AnyField = FieldImpl<any, any, any>;

/** Gives a field its methods; refuses what is no field. */
export function implOf(field: unknown, name: string): AnyField {
  if (field instanceof FieldImpl) return field;
  throw wrongKind("make a struct", name, "a field", field);
}

/** A value that a field cannot encode: of the wrong type, or out of its range. */
export function badValue(
  name: string,
  must: string,
  value: unknown,
  types: readonly string[],
): TypeError | RangeError {
  const message = `Cannot encode: field ${show(name)} must be ${must}, got ${
    show(value)
  }`;
  return types.includes(typeof value)
    ? new RangeError(message)
    : new TypeError(message);
}
