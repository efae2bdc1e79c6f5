/**
 * What a field of a packet is, and how to write one.
 *
 * A field is an immutable description of how one value looks in bytes. It does no I/O and
 * keeps nothing between calls, so one constant serves all structs and all connections.
 *
 * What a field may rely on, and what it must do:
 *
 * | | the package | the field |
 * | --- | --- | --- |
 * | **reading** | gives it the bytes from its own first one on, never more than the packet has | takes all of its bytes and nothing else; looks at nothing that it has not taken; asks the decoder that it is read by for nothing |
 * | **missing bytes** | ends the call from inside of `take` or `takeUntil`, and where more can still come reads the field again from its first byte | lets pass what these throw; does nothing in `read` that cannot be done twice |
 * | **claims** | throws before it allocates for a length that is not there | `take`s before it makes room for what a length claims |
 * | **cost** | on a stream reads it from its first byte again for each byte that is missing | is short, or stands in `sized`, which waits for all of it; counts how deep it is, if it contains itself |
 * | **refusing** | turns what `read` throws into a `MalformedFrameError`, and what `write` throws into a `TypeError` or a `RangeError`, with the name of the field | throws any error; refuses to write what `read` would not give back |
 * | **size** | with `fixedBytes` knows the size of a struct when it is made, and a claimed number of values before the first is read | takes and writes exactly `fixedBytes`, or at least `minBytes`, each time: a `CodecError` otherwise |
 *
 * @module
 */

import {
  checkBoolean,
  checkInteger,
  checkText,
  outOfRange,
  show,
  wrongKind,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { CodecError } from "../errors.ts";
import type { FieldReader } from "./field_reader.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { refusedValue } from "./_refusal.ts";

/**
 * A field of a {@linkcode struct}: how one value looks in bytes. Made by functions such as
 * {@linkcode bytes} and {@linkcode array}, by {@linkcode struct} itself, or by hand: any
 * object of this shape is a field, wherever one is taken.
 *
 * Immutable: one field can be used in any number of structs. It must not keep anything
 * between two calls, and may be read from the same bytes more than once.
 *
 * @typeParam In The type that decoding gives.
 * @typeParam Out The type that encoding takes.
 * @typeParam Ref The name of the other field that has this one's length; a field made by
 * hand has none.
 * @category Typed packets
 *
 * @example A UUID
 * ```ts
 * import { type Field, struct, u8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const uuid: Field<string> = {
 *   kind: "uuid",
 *   fixedBytes: 16,
 *   read: (bytes) =>
 *     bytes.take(16).toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
 *   write(value, out) {
 *     const digits = value.replaceAll("-", "");
 *     if (digits.length !== 32) throw new RangeError("a UUID has 32 digits");
 *     out.write(Uint8Array.fromHex(digits));
 *   },
 * };
 *
 * const login = struct({ version: u8, session: uuid });
 * assertEquals(login.fixedBytes, 17);
 * const session = "0190163d-8694-739b-aea5-966c26f8ad91";
 * assertEquals(login.decode(login.encode({ version: 1, session })).session, session);
 * ```
 */
export interface Field<In, Out = In, Ref extends string = never> {
  /** Its name in messages, for instance `"u16"`. */
  readonly kind: string;

  /** Size in bytes if every value has the same. */
  readonly fixedBytes?: number | undefined;

  /**
   * Size of the smallest value in bytes. A field whose value may take no byte at all says 0;
   * it cannot be in an {@linkcode array}.
   *
   * @default {fixedBytes, or 0 where it takes the rest, or 1}
   */
  readonly minBytes?: number | undefined;

  /**
   * Whether it takes all that is left of the packet: nothing can follow it.
   *
   * @default {false}
   */
  readonly takesRest?: boolean | undefined;

  /**
   * Reads one value. Any error that it throws means that the bytes are malformed.
   *
   * @param bytes The packet, from this field's first byte on.
   */
  read(bytes: FieldReader): In;

  /**
   * Appends one value. Any error that it throws means that the value cannot be encoded.
   *
   * @param value What to append.
   * @param out Where to.
   */
  write(value: Out, out: ByteWriter): void;

  /** Carries the types; there is nothing at run time. */
  readonly types?:
    | { readonly in: In; out(value: Out): void; readonly ref: Ref }
    | undefined;
}

/**
 * A field whose value is a whole number, and which says the largest: what lengths can be
 * made of, such as {@linkcode i32}, {@linkcode u64} and {@linkcode varint}.
 *
 * @category Typed packets
 */
export interface IntegerField<In extends number | bigint = number>
  extends Field<In> {
  /** Its largest value. */
  readonly max: In;
}

/**
 * Any {@linkcode IntegerField}.
 *
 * @category Typed packets
 */
export type LengthField = IntegerField<number> | IntegerField<bigint>;

/**
 * A field whose value is an unsigned number of a fixed size.
 *
 * @category Typed packets
 */
export interface UintField extends IntegerField {
  /** Size in bytes. */
  readonly fixedBytes: 1 | 2 | 3 | 4;
}

/** Every {@linkcode Field} as this folder uses it. */
export abstract class FieldImpl<
  In = unknown,
  Out = In,
  Ref extends string = never,
> implements Field<In, Out, Ref> {
  declare readonly types?: {
    readonly in: In;
    out(value: Out): void;
    readonly ref: Ref;
  };
  abstract readonly kind: string;
  abstract readonly fixedBytes: number | undefined;
  abstract readonly minBytes: number;
  /** Its largest value, where that is a whole number. */
  readonly max: number | bigint | undefined = undefined;
  /** The field beside this one that holds its length, count or presence. */
  readonly ref: string | undefined = undefined;
  /** What that field must be. */
  readonly refKind: "length" | "flag" = "length";
  readonly takesRest: boolean = false;

  /**
   * Reads a value and moves on.
   *
   * @param held What the referenced field said, if there is one.
   */
  abstract read(reader: PacketReader, held?: unknown): In;

  /** Appends a value, and returns what the referenced field must say. */
  abstract write(value: Out, out: ByteWriter): number;
}

/** A field as the structs of this folder use it. */
// deno-lint-ignore no-explicit-any
export type AnyField = FieldImpl<any, any, any>;

/** What is used for a field; refuses what is no field. */
export function implOf(action: string, name: string, field: unknown): AnyField {
  if (field instanceof FieldImpl) return field;
  const { read, write } = Object(field) as Partial<Field<unknown>>;
  if (typeof read !== "function" || typeof write !== "function") {
    throw wrongKind(action, name, "a field", field);
  }
  return new OwnField(action, name, field as Field<unknown>);
}

/** A field that is complete in itself: its length is in no field beside it. */
export function soleField(action: string, of: unknown): AnyField {
  const name = "its inner field";
  const field = implOf(action, name, of);
  if (field.ref !== undefined) {
    throw outOfRange(action, name, "one without a named length", field.ref);
  }
  return field;
}

/** A field that a user of the package wrote, held to the contract. */
class OwnField extends FieldImpl {
  readonly kind: string;
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly max: number | bigint | undefined;
  override readonly takesRest: boolean;
  readonly #field: Field<unknown>;

  constructor(
    action: string,
    name: string,
    field: Field<unknown> & { max?: unknown },
  ) {
    super();
    const { kind, fixedBytes, takesRest = false, max } = field;
    checkText(action, `the kind of ${name}`, kind);
    if (fixedBytes !== undefined) {
      checkInteger(action, `fixedBytes of ${name}`, fixedBytes, 0);
    }
    const { minBytes = fixedBytes ?? (takesRest ? 0 : 1) } = field;
    checkInteger(action, `minBytes of ${name}`, minBytes, 0, fixedBytes);
    checkBoolean(action, `takesRest of ${name}`, takesRest);
    this.kind = kind;
    this.fixedBytes = fixedBytes;
    this.minBytes = fixedBytes ?? minBytes;
    this.takesRest = takesRest;
    const isInteger = typeof max === "bigint" || Number.isSafeInteger(max);
    this.max = isInteger ? max as number | bigint : undefined;
    this.#field = field;
  }

  read(reader: PacketReader): unknown {
    const { position, items } = reader;
    let value: unknown;
    try {
      value = this.#field.read(reader);
    } catch (thrown) {
      throw reader.ownStopped(thrown, items);
    }
    if (reader.isShort) throw reader.ownStopped(undefined, items);
    // It may have caught what a field inside of it threw.
    reader.isStopped = false;
    refusePromise("decode", this.kind, value);
    this.#checkSize("decode", "take", reader.position - position);
    return value;
  }

  write(value: unknown, out: ByteWriter): number {
    const before = out.length;
    let result: unknown;
    try {
      result = this.#field.write(value, out);
    } catch (thrown) {
      throw refusedValue(thrown);
    }
    refusePromise("encode", this.kind, result);
    this.#checkSize("encode", "write", out.length - before);
    return 0;
  }

  #checkSize(action: string, verb: string, size: number): void {
    const { fixedBytes, minBytes } = this;
    const fits = fixedBytes === undefined
      ? size >= minBytes
      : size === fixedBytes;
    if (fits) return;
    const must = fixedBytes === undefined
      ? `at least its minBytes (${minBytes})`
      : `exactly its fixedBytes (${fixedBytes})`;
    throw new CodecError(
      `Cannot ${action}: a field of kind ${
        show(this.kind)
      } must ${verb} ${must}, got ${size}`,
      { operation: action },
    );
  }
}

/** Throws where what a function of the user's own returned is not there yet. */
export function refusePromise(
  action: string,
  kind: string,
  result: unknown,
): void {
  if (!(result instanceof Promise)) return;
  // A rejection must not end the process.
  guard(() => result);
  throw new CodecError(
    `Cannot ${action}: a field of kind ${
      show(kind)
    } must be done when it returns, got a promise`,
    { operation: action },
  );
}
