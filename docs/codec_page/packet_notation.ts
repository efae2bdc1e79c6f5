/**
 * Makes a packet of a description, with the fields of `./codec` and nothing else.
 *
 * @module
 */

import * as codec from "../../lib/codec/mod.ts";
import { type Node, NotationError, parseNotation } from "./notation.ts";

/** Where a field began when a packet was read. */
export interface FieldMark {
  /** Its name, with those that it is in: `points.x`. */
  path: string;
  /** Where its first byte is, in the memory that the packet is in. */
  offset: number;
}

/** A packet, and a log of where its fields were when it was last read. */
export interface DescribedPacket {
  packet: codec.Packet<unknown, unknown>;
  /** Emptied by its user, filled by reading. */
  marks: FieldMark[];
}

/** Most marks of one packet that are kept. */
export const MAX_MARKS = 4_096;

/** Begins the keys of marks: no description can name one. */
const MARK = "\0";

/** What a description may name: fields, and functions that make some. */
const FIELDS: ReadonlyMap<string, unknown> = new Map(Object.entries({
  ...numberFields(),
  rest: codec.rest,
}));
const FUNCTIONS: ReadonlyMap<string, (...args: never[]) => unknown> = new Map(
  Object.entries({
    array: codec.array,
    bits: codec.bits,
    bytes: codec.bytes,
    cstring: codec.cstring,
    enumOf: codec.enumOf,
    literal: codec.literal,
    optional: codec.optional,
    pad: codec.pad,
    sized: codec.sized,
    utf8: codec.utf8,
    varint: codec.varint,
  }),
);

function numberFields() {
  const { bool, u8, u16, u16le, u24, u24le, u32, u32le, u64, u64le } = codec;
  const { i8, i16, i16le, i32, i32le, i64, i64le } = codec;
  const { f32, f32le, f64, f64le } = codec;
  return {
    ...{ bool, u8, u16, u16le, u24, u24le, u32, u32le, u64, u64le },
    ...{ i8, i16, i16le, i32, i32le, i64, i64le },
    ...{ f32, f32le, f64, f64le },
  };
}

/** All names that a description may use. */
export const NAMES: readonly string[] = [
  ...FIELDS.keys(),
  ...FUNCTIONS.keys(),
  "struct",
  "union",
];

/**
 * Makes a packet of a description: `struct({ … })`, `union({ … }, { … })`, or `{ … }`, which is
 * a struct.
 *
 * @throws {NotationError} It is no description, or no packet.
 * @throws {TypeError | RangeError} A field is not what it must be, as `./codec` says.
 */
export function describePacket(text: string): DescribedPacket {
  const node = parseNotation(text);
  const marks: FieldMark[] = [];
  const isPacket = node.kind === "object" ||
    node.kind === "call" && (node.name === "struct" || node.name === "union");
  if (!isPacket) {
    throw new NotationError(node.at, "{, struct( or union(", textOf(node));
  }
  const packet = node.kind === "object"
    ? structOf(node, "", marks)
    : valueOf(node, "", marks);
  return { packet: packet as codec.Packet<unknown, unknown>, marks };
}

function textOf(node: Node): string {
  return node.kind === "name" || node.kind === "call"
    ? node.name
    : node.kind === "value"
    ? JSON.stringify(node.value)
    : "{";
}

/** What a part of a description stands for. An object where a field must be is a struct. */
function valueOf(node: Node, path: string, marks: FieldMark[]): unknown {
  switch (node.kind) {
    case "value":
      return node.value;
    case "object":
      return structOf(node, path, marks);
    case "name":
      return lookUp(FIELDS, node, "the name of a field");
    case "call":
      return callOf(node, path, marks);
  }
}

function callOf(
  node: Node & { kind: "call" },
  path: string,
  marks: FieldMark[],
): unknown {
  const { name, args } = node;
  const field = (arg: Node) => valueOf(arg, path, marks);
  if (name === "struct" || name === "union") {
    const parts = args.map((arg) => {
      if (arg.kind === "object") return arg;
      throw new NotationError(arg.at, "{", textOf(arg));
    });
    if (name === "struct" && parts.length === 1) {
      return structOf(parts[0], path, marks);
    }
    if (name === "union" && parts.length === 2) {
      const tag = plainOf(parts[0], field);
      const variants = plainOf(parts[1], field);
      return codec.union(tag as never, variants as never);
    }
    throw new NotationError(
      node.at,
      name === "struct" ? "one { } in struct( )" : "two { } in union( )",
      String(args.length),
    );
  }
  const make = lookUp(
    FUNCTIONS,
    node,
    "the name of a function that makes fields",
  );
  // Options and names of values are no structs.
  const takesFields = name === "array" || name === "optional" ||
    name === "sized";
  return make(
    ...args.map((arg, index) =>
      arg.kind === "object" && !(takesFields && !isOptions(name, index))
        ? plainOf(arg, field)
        : field(arg)
    ) as never[],
  );
}

/** Whether an object at this place holds options. */
function isOptions(name: string, index: number): boolean {
  return index === (name === "optional" ? -1 : 2);
}

function lookUp<T>(
  table: ReadonlyMap<string, T>,
  node: Node & { name: string },
  must: string,
): T {
  const found = table.get(node.name);
  if (found !== undefined) return found;
  throw new NotationError(
    node.at,
    `${must} (${[...table.keys()].join(", ")})`,
    node.name,
  );
}

function plainOf(
  { entries }: Node & { kind: "object" },
  value: (node: Node) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(entries.map(([key, node]) => [key, value(node)]));
}

/** A struct that notes where each of its fields begins. */
function structOf(
  { entries }: Node & { kind: "object" },
  path: string,
  marks: FieldMark[],
): unknown {
  const fields: Record<string, unknown> = {};
  for (const [index, [key, node]] of entries.entries()) {
    const inner = path === "" ? key : `${path}.${key}`;
    fields[MARK + index] = markOf(inner, marks);
    fields[key] = valueOf(node, inner, marks);
  }
  return codec.struct(fields as never);
}

/** A field of no byte: it sees where it is read. */
function markOf(path: string, marks: FieldMark[]): codec.Field<null> {
  return {
    kind: "mark",
    fixedBytes: 0,
    read(bytes) {
      const { byteOffset } = bytes.take(0);
      if (marks.length < MAX_MARKS) marks.push({ path, offset: byteOffset });
      return null;
    },
    write() {},
  };
}

/** A value that a packet was decoded to, without its marks. */
export function withoutMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (
    typeof value !== "object" || value === null || ArrayBuffer.isView(value)
  ) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith(MARK))
      .map(([key, inner]) => [key, withoutMarks(inner)]),
  );
}
