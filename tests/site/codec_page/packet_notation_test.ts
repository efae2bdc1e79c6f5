import { assertEquals, assertThrows } from "@std/assert";
import {
  NotationError,
  parseNotation,
} from "../../../docs/codec_page/notation.ts";
import {
  describePacket,
  MAX_MARKS,
  NAMES,
  withoutMarks,
} from "../../../docs/codec_page/packet_notation.ts";

/** What the bytes are, and where their fields begin. */
function read(text: string, bytes: number[]) {
  const { packet, marks } = describePacket(text);
  const value = withoutMarks(packet.decode(new Uint8Array(bytes)));
  return { value, marks: marks.map(({ path, offset }) => [path, offset]) };
}

Deno.test("parseNotation() reads names, calls, values and objects", () => {
  assertEquals(
    parseNotation(`{ a: f(1, -2, 0x1f, "x\\n", true), /* b */ u8, }; // c`),
    {
      kind: "object",
      at: 0,
      entries: [
        ["a", {
          kind: "call",
          at: 5,
          name: "f",
          args: [
            { kind: "value", at: 7, value: 1 },
            { kind: "value", at: 10, value: -2 },
            { kind: "value", at: 14, value: 31 },
            { kind: "value", at: 20, value: "x\n" },
            { kind: "value", at: 27, value: true },
          ],
        }],
        ["u8", { kind: "name", at: 42, name: "u8" }],
      ],
    },
  );
});

Deno.test("parseNotation() says where a text is no description", () => {
  for (
    const [text, at, message] of [
      ["", 0, "got the end"],
      ["{ a: }", 5, "got }"],
      ["{ a u8 }", 4, "must be :, got u8"],
      ["f(1", 3, "must be ,, got the end"],
      ["u8 u8", 3, "nothing more, got u8"],
      ["{ a: u8, a: u8 }", 9, "a twice"],
      ["{ 1: u8 }", 2, "the name of a field, got 1"],
      ["`x`", 0, "got `"],
      ["a.b", 1, "got ."],
      ["a[0]", 1, "got ["],
      ["() => 1", 0, "got ("],
      ["f(".repeat(40), 34, "levels"],
      ["{}".padEnd(9_000), 8_192, "8192 characters"],
      [`f(${"1,".repeat(1_500)}1)`, 2_000, "1000 parts"],
    ] as const
  ) {
    const error = assertThrows(
      () => parseNotation(text),
      NotationError,
      message,
    );
    assertEquals(error.at, at, text.slice(0, 20));
  }
});

Deno.test("describePacket() makes structs with the fields of ./codec", () => {
  assertEquals(
    read(
      `struct({ version: u8, name: utf8(u16), path: array({ x: i16, y: u8 }, u8),
        size: u8, data: bytes("size"), rest })`,
      [1, 0, 2, 104, 105, 2, 0, 1, 2, 255, 255, 4, 1, 9, 7, 8],
    ),
    {
      value: {
        version: 1,
        name: "hi",
        path: [{ x: 1, y: 2 }, { x: -1, y: 4 }],
        size: 1,
        data: new Uint8Array([9]),
        rest: new Uint8Array([7, 8]),
      },
      marks: [
        ["version", 0],
        ["name", 1],
        ["path", 5],
        ["path.x", 6],
        ["path.y", 8],
        ["path.x", 9],
        ["path.y", 11],
        ["size", 12],
        ["data", 13],
        ["rest", 14],
      ],
    },
  );
});

Deno.test("describePacket() makes unions, bits, enums and options", () => {
  const text = `union({ type: enumOf(u8, { move: 1, say: 2 }) }, {
    move: { flags: bits({ fast: bool, way: 7 }, { order: "lsb" }), more: optional({ x: u8 }) },
    say: struct({ text: cstring({ maxBytes: 8 }), size: varint({ max: 99 }) }),
  })`;
  assertEquals(read(text, [1, 0x83, 1, 5]).value, {
    type: "move",
    flags: { fast: true, way: 65 },
    more: { x: 5 },
  });
  assertEquals(read(text, [2, 104, 0, 7]).value, {
    type: "say",
    text: "h",
    size: 7,
  });
});

Deno.test("describePacket() knows its own names alone", () => {
  for (
    const name of ["constructor", "__proto__", "toString", "eval", "globalThis"]
  ) {
    assertThrows(() => describePacket(`{ a: ${name} }`), NotationError, name);
    assertThrows(
      () => describePacket(`{ a: ${name}("x") }`),
      NotationError,
      name,
    );
  }
  assertThrows(() => describePacket("{ __proto__: u8 }"), RangeError);
  assertThrows(() => describePacket("u8"), NotationError, "got u8");
  assertThrows(() => describePacket("struct(u8)"), NotationError, "got u8");
  assertThrows(() => describePacket("struct()"), NotationError, "one { }");
  assertEquals(NAMES.includes("varint"), true);
});

Deno.test("describePacket() passes on what ./codec refuses", () => {
  assertThrows(
    () => describePacket("{ a: bytes(u8), b: pad(0) }"),
    RangeError,
    "Cannot make a pad",
  );
  assertThrows(
    () => describePacket("{ a: array(u8, 3, { most: 2 }) }"),
    TypeError,
  );
});

Deno.test("describePacket() keeps a bounded number of marks", () => {
  const { packet, marks } = describePacket(
    "{ a: array({ x: u8, y: u8 }, u16) }",
  );
  const count = MAX_MARKS;
  const bytes = new Uint8Array(2 + 2 * count);
  new DataView(bytes.buffer).setUint16(0, count);
  packet.decode(bytes);
  assertEquals(marks.length, MAX_MARKS);
});
