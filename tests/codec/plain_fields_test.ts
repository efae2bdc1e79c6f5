import { assertEquals, assertThrows } from "@std/assert";
import {
  ByteWriter,
  cstring,
  optional,
  pad,
  rest,
  sized,
  struct,
  u16le,
  u32le,
  u8,
} from "../../lib/codec/mod.ts";
import { assertMalformed, bytes, utf8, withoutFunction } from "./_support.ts";

Deno.test("pad() is sent as zeros, passed over, and no part of the object", () => {
  const make = () => struct({ a: u8, _: pad(3), b: u32le, end: pad(2) });
  for (const packet of [make(), withoutFunction(make)]) {
    assertEquals(packet.fixedBytes, 10);
    const wire = packet.encode({ a: 1, b: 2 });
    assertEquals(wire, bytes(1, 0, 0, 0, 2, 0, 0, 0, 0, 0));
    // What a peer's memory had there does not matter.
    wire.set([7, 8, 9], 1);
    wire.fill(255, 8);
    assertEquals(packet.decode(wire), { a: 1, b: 2 });
    assertEquals(Object.keys(packet.decode(wire)), ["a", "b"]);
    assertMalformed(
      () => packet.decode(wire.subarray(0, 9)),
      "10 bytes within",
    );
  }
  // Beside fields of any size, too; and what the writer had there is gone.
  const mixed = struct({ name: cstring(), _: pad(2), size: u16le });
  assertEquals(
    mixed.encode({ name: "a", size: 3 }),
    bytes(97, 0, 0, 0, 3, 0),
  );
  assertEquals(mixed.decode(bytes(97, 0, 5, 5, 3, 0)), { name: "a", size: 3 });
  assertMalformed(
    () => mixed.decode(bytes(97, 0, 5)),
    'field "_" must have its 4 bytes within the frame',
  );
  // Inside of other fields, too.
  const inside = struct({ in: sized(u8, pad(3)), some: optional(pad(2)) });
  const wire = bytes(3, 0, 0, 0, 1, 0, 0);
  assertEquals(inside.encode({ in: undefined }), bytes(3, 0, 0, 0, 0));
  const out = new ByteWriter();
  out.write(new Uint8Array(64).fill(7));
  out.truncate(0);
  pad(3).write(undefined, out);
  assertEquals(out.toBytes(), bytes(0, 0, 0));
  assertEquals(Object.keys(inside.decode(wire)), ["in", "some"]);
  for (let length = 0; length < wire.length; length++) {
    assertMalformed(() => inside.decode(wire.subarray(0, length)), "within");
  }
  for (const length of [0, -1, 1.5, 65_537]) {
    assertThrows(() => pad(length), RangeError, "from 1 to 65536");
  }
  assertThrows(() => pad("1" as never), TypeError);
});

Deno.test("rest is all that is left", () => {
  const packet = struct({ a: u8, rest });
  assertEquals(packet.decode(bytes(1, 2, 3)), { a: 1, rest: bytes(2, 3) });
  assertEquals(packet.encode({ a: 1, rest: bytes() }), bytes(1));
  assertThrows(() => struct({ rest, a: u8 }), RangeError, "the last one");
});

Deno.test("cstring() ends in a zero", () => {
  const packet = struct({ name: cstring({ maxBytes: 5 }), value: cstring() });
  const wire = utf8("hé\0\0");
  assertEquals(packet.encode({ name: "hé", value: "" }), wire);
  assertEquals(packet.decode(wire), { name: "hé", value: "" });
  // As long as it may be, and longer.
  assertEquals(packet.decode(utf8("12345\0x\0")).name, "12345");
  assertMalformed(
    () => packet.decode(utf8("123456\0x\0")),
    'field "name" must have a byte 0 within 5 bytes, got none',
  );
  assertMalformed(
    () => packet.decode(utf8("a\0bc")),
    'field "value" must have a byte 0 within the frame, got none',
  );
  assertMalformed(() => packet.decode(bytes(255, 0, 0)), "be valid UTF-8");
  assertThrows(
    () => packet.encode({ name: "123é\u00e9", value: "" }),
    RangeError,
    'field "name" must be at most 5 bytes long, got 7',
  );
  assertThrows(
    () => packet.encode({ name: "a\0b", value: "" }),
    RangeError,
    'field "name" must be text without a zero, got "a\\u0000b"',
  );
  assertThrows(
    () => packet.encode({ name: "\ud800", value: "" }),
    RangeError,
    "lone surrogates",
  );
  assertThrows(
    () => packet.encode({ name: 1 as never, value: "" }),
    TypeError,
    "a string",
  );
});

Deno.test("cstring() has 65,536 bytes at most unless told otherwise", () => {
  const limited = struct({ text: cstring() });
  const text = "x".repeat(65_536);
  assertEquals(limited.decode(limited.encode({ text })), { text });
  assertThrows(() => limited.encode({ text: `${text}x` }), RangeError, "65536");
  const wire = new Uint8Array(65_538).fill(120);
  wire[65_537] = 0;
  assertMalformed(() => limited.decode(wire), "within 65536 bytes");
  const unlimited = struct({ text: cstring({ maxBytes: Infinity }) });
  assertEquals(unlimited.decode(wire).text.length, 65_537);
  for (const maxBytes of [-1, 0.5, NaN]) {
    assertThrows(() => cstring({ maxBytes }), RangeError, "maxBytes must be");
  }
  assertThrows(() => cstring({ max: 1 } as object), TypeError, "unknown");
});
