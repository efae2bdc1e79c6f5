/**
 * Packets of several kinds.
 *
 * @module
 */

import { checkObject, outOfRange, show, wrongKind } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { literal, namesOf } from "./choice_fields.ts";
import { type AnyField, type Field, soleField } from "./field.ts";
import { isInherited, ownValue } from "./_names.ts";
import { type Packet, PacketImpl } from "./packet.ts";
import type { PacketReader } from "./_packet_reader.ts";
import { badValue, oneOf, Refusal, within } from "./_refusal.ts";
import {
  type InOf,
  type OutOf,
  type Plain,
  type Struct,
  StructImpl,
} from "./struct.ts";

/**
 * The one field that tells the kinds of a {@linkcode union} apart: `{ name: field }`.
 *
 * @category Typed packets
 */
export type UnionTag = Readonly<Record<string, Field<string> | Field<number>>>;

/**
 * The kinds of a {@linkcode union}, by the value of its tag.
 *
 * @category Typed packets
 */
export type UnionVariants<Tag extends UnionTag> = Readonly<
  Record<InOf<Tag[keyof Tag]>, Struct<unknown, unknown>>
>;

/**
 * The value of the tag that the name of a variant stands for: a number where the tag is one,
 * also where the name is `"1"`, and text where it is an {@linkcode enumOf}, also where that
 * is 1.
 *
 * @category Typed packets
 */
export type TagOf<Tag extends UnionTag, Name> = InOf<Tag[keyof Tag]> extends
  number ? Name extends `${infer Value extends number}` ? Value : Name
  : Name extends number ? `${Name}`
  : Name;

/**
 * What decoding a union gives.
 *
 * @category Typed packets
 */
export type UnionIn<
  Tag extends UnionTag,
  Variants extends UnionVariants<Tag>,
> = {
  [K in keyof Variants]: Plain<
    { -readonly [T in keyof Tag]: TagOf<Tag, K> } & InOf<Variants[K]>
  >;
}[keyof Variants];

/**
 * What encoding a union takes.
 *
 * @category Typed packets
 */
export type UnionOut<
  Tag extends UnionTag,
  Variants extends UnionVariants<Tag>,
> = {
  [K in keyof Variants]: Plain<
    { -readonly [T in keyof Tag]: TagOf<Tag, K> } & OutOf<Variants[K]>
  >;
}[keyof Variants];

/**
 * A packet that is one of several structs; a tag before it says which.
 *
 * ```txt
 * | tag | fields of the struct that the tag stands for |
 * ```
 *
 * The tag is `{ name: field }`, with {@linkcode enumOf} for tags with names, or a
 * number field for bare numbers. Decoding gives the struct's fields and the tag
 * together in one object: a discriminated union, so that a `switch` over the tag
 * is checked for completeness, and with `enumOf` the variants are too. A tag that
 * stands for nothing is a `MalformedFrameError`.
 *
 * @param tag The tag's name and field.
 * @param variants A struct for each value of the tag.
 * @returns The packet; put it on a connection with {@linkcode packets}.
 * @throws {TypeError} The tag is not `{ name: field }`, or a variant is not a struct.
 * @throws {RangeError} Variants and tags do not match, or a variant has a field of
 * the tag's name.
 * @category Typed packets
 *
 * @example
 * ```ts
 * import { enumOf, struct, u32, u8, union, utf8 } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const message = union({ type: enumOf(u8, { join: 1, say: 2 }) }, {
 *   join: struct({ room: u32 }),
 *   say: struct({ text: utf8(u8) }),
 * });
 * const frame = message.encode({ type: "say", text: "hi" });
 * assertEquals(frame, new Uint8Array([2, 2, 104, 105]));
 * assertEquals(message.decode(frame), { type: "say", text: "hi" });
 * ```
 */
export function union<
  const Tag extends UnionTag,
  const Variants extends UnionVariants<Tag>,
>(
  tag: Tag,
  variants: Variants,
): Packet<UnionIn<Tag, Variants>, UnionOut<Tag, Variants>> {
  return new UnionImpl<UnionIn<Tag, Variants>, UnionOut<Tag, Variants>>(
    tag,
    variants as Readonly<Record<string, unknown>>,
  );
}

const ACTION = "make a union";

class UnionImpl<In, Out> extends PacketImpl<In, Out> {
  readonly kind = "union";
  readonly fixedBytes: number | undefined;
  readonly minBytes: number;
  override readonly takesRest: boolean;
  readonly #tagPart: { readonly name: string; readonly inherited: boolean };
  readonly #tag: AnyField;
  /** A struct with the tag in front, for each tag. */
  readonly #variants = new Map<unknown, StructImpl<In, Out>>();

  constructor(tag: UnionTag, variants: Readonly<Record<string, unknown>>) {
    super();
    checkObject(ACTION, "tag", tag);
    checkObject(ACTION, "variants", variants);
    const [tagName, ...others] = Object.keys(tag);
    if (tagName === undefined || others.length > 0) {
      throw wrongKind(ACTION, "tag", "an object of one field", tag);
    }
    this.#tagPart = { name: tagName, inherited: isInherited(tagName) };
    this.#tag = soleField(ACTION, tag[tagName]);
    const names = checkTags(this.#tag, Object.keys(variants));
    for (const name of Object.keys(variants)) {
      const value = names === undefined ? Number(name) : name;
      const { fields } = checkVariant(name, tagName, variants[name]);
      const front = { [tagName]: literal(tag[tagName], value) };
      this.#variants.set(value, new StructImpl({ ...front, ...fields }));
    }
    const sizes = [...this.#variants.values()];
    this.takesRest = sizes.some(({ takesRest }) => takesRest);
    this.minBytes = Math.min(...sizes.map(({ minBytes }) => minBytes));
    const [{ fixedBytes }] = sizes;
    this.fixedBytes = sizes.every((size) => size.fixedBytes === fixedBytes)
      ? fixedBytes
      : undefined;
  }

  read(reader: PacketReader): In {
    const { position } = reader;
    const variant = reader.resume() as StructImpl<In, Out> | undefined ??
      this.#readTag(reader);
    reader.position = position;
    try {
      return variant.read(reader);
    } catch (thrown) {
      throw reader.stopped(thrown, position, variant, "");
    }
  }

  /** The struct that the tag says; it reads the tag again, as its first field. */
  #readTag(reader: PacketReader): StructImpl<In, Out> {
    try {
      const tag = this.#tag.read(reader);
      const variant = this.#variants.get(tag);
      if (variant !== undefined) return variant;
      throw new Refusal(`must be ${this.#tags()}, got ${show(tag)}`);
    } catch (thrown) {
      throw within(thrown, this.#tagPart.name);
    }
  }

  write(value: Out, out: ByteWriter): number {
    if (typeof value !== "object" || value === null) {
      throw badValue("an object", value, []);
    }
    const tag = ownValue(value as Record<string, unknown>, this.#tagPart);
    const variant = this.#variants.get(tag);
    if (variant === undefined) {
      const types = ["string", "number"];
      throw within(badValue(this.#tags(), tag, types), this.#tagPart.name);
    }
    return variant.write(value, out);
  }

  #tags(): string {
    return oneOf(this.#variants.keys(), this.#variants.size);
  }
}

/** The names of the tag's values, if it has names; all must have a variant. */
function checkTags(
  tag: AnyField,
  keys: readonly string[],
): readonly string[] | undefined {
  const names = namesOf(tag);
  if (names === undefined && typeof tag.max !== "number") {
    const must = "an enumOf or a field of whole numbers such as u8";
    throw wrongKind(ACTION, "its tag", must, tag.kind);
  }
  const fit = names === undefined
    ? keys.every((key) => isTagNumber(key, tag))
    : keys.length === names.length &&
      names.every((name) => keys.includes(name));
  if (!fit || keys.length === 0) {
    const must = names === undefined
      ? `numbers that fit ${tag.kind}`
      : names.map(show).join(", ");
    throw outOfRange(ACTION, "its variants", must, keys.join(", "));
  }
  return names;
}

/** One way to write each number: "0x1", " 1" and "" would be 1, 1 and 0, too. */
function isTagNumber(key: string, tag: AnyField): boolean {
  return /^(0|[1-9]\d*)$/.test(key) && Number(key) <= tag.max!;
}

function checkVariant(
  name: string,
  tagName: string,
  variant: unknown,
): StructImpl<unknown, unknown> {
  if (!(variant instanceof StructImpl)) {
    throw wrongKind(ACTION, `its variant ${show(name)}`, "a struct", variant);
  }
  if (Object.hasOwn(variant.fields, tagName)) {
    const must = `free of a field ${show(tagName)}`;
    const where = `its variant ${show(name)}`;
    throw outOfRange(ACTION, where, must, "one with it");
  }
  return variant;
}
