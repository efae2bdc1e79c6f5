/**
 * Fields of anything, made from other fields.
 *
 * @module
 */

import { checkFunction } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  type AnyField,
  type Field,
  FieldImpl,
  implOf,
  refusePromise,
} from "./field.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { reasonOf, Refusal, refusedValue } from "./_refusal.ts";

/**
 * A field whose values are those of another, turned into something else. On the wire it is
 * the other one.
 *
 * When `decode` throws, the packet is a `MalformedFrameError` with the error as its
 * `cause`; when `encode` throws, encoding is a `RangeError`, or a `TypeError` where it
 * threw one. Both name the field.
 *
 * @typeParam In What decoding gives.
 * @typeParam Out What encoding takes.
 * @param field What is on the wire. It may have its length in another field.
 * @param decode Makes a value of ours from one of `field`.
 * @param encode Makes a value of `field` from one of ours.
 * @throws {TypeError} `field` is not a field, or a function is none.
 * @category Typed packets
 *
 * @example Times
 * ```ts
 * import { mappedField, struct, u64 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const time = mappedField(
 *   u64,
 *   (ms) => new Date(Number(ms)),
 *   (date: Date) => BigInt(date.getTime()),
 * );
 * const event = struct({ at: time });
 * const at = new Date("2026-01-02");
 * assertEquals(event.decode(event.encode({ at })), { at });
 * ```
 */
export function mappedField<
  In,
  Out,
  InnerIn,
  InnerOut,
  Ref extends string = never,
>(
  field: Field<InnerIn, InnerOut, Ref>,
  decode: (value: InnerIn) => In,
  // Inferred as in `mapped`.
  encode: ((value: Out) => unknown) & NoInfer<(value: Out) => InnerOut>,
): Field<In, Out, Ref> {
  const action = "make a mapped field";
  const inner = implOf(action, "its inner field", field);
  checkFunction(action, "decode", decode);
  checkFunction(action, "encode", encode);
  return new MappedField<In, Out, Ref>(
    inner,
    decode as (value: unknown) => In,
    encode,
  );
}

class MappedField<In, Out, Ref extends string> extends FieldImpl<In, Out, Ref> {
  readonly kind: string;
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly ref: string | undefined;
  override readonly refKind: "length" | "flag";
  override readonly takesRest: boolean;
  readonly #of: AnyField;
  readonly #decode: (value: unknown) => In;
  readonly #encode: (value: Out) => unknown;

  constructor(
    of: AnyField,
    decode: (value: unknown) => In,
    encode: (value: Out) => unknown,
  ) {
    super();
    this.kind = of.kind;
    this.fixedBytes = of.fixedBytes;
    this.minBytes = of.minBytes;
    this.ref = of.ref;
    this.refKind = of.refKind;
    this.takesRest = of.takesRest;
    this.#of = of;
    this.#decode = decode;
    this.#encode = encode;
  }

  read(reader: PacketReader, held?: unknown): In {
    const value = this.#of.read(reader, held);
    let mapped: In;
    try {
      mapped = this.#decode(value);
    } catch (thrown) {
      throw reader.refusedHere(new Refusal(reasonOf(thrown), thrown));
    }
    refusePromise("decode", this.kind, mapped);
    return mapped;
  }

  write(value: Out, out: ByteWriter): number {
    let inner: unknown;
    try {
      inner = this.#encode(value);
    } catch (thrown) {
      throw refusedValue(thrown);
    }
    refusePromise("encode", this.kind, inner);
    return this.#of.write(inner, out);
  }
}
