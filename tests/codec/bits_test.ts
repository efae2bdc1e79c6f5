import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  bits,
  bool,
  type Field,
  pad,
  struct,
  u16,
  u8,
} from "../../lib/codec/mod.ts";
import { assertMalformed, bytes, withoutFunction } from "./_support.ts";

Deno.test("bits() puts the first part into the highest bits", () => {
  const packet = struct({
    header: bits({ type: 4, dup: bool, qos: 2, retain: bool }),
    z: u8,
  });
  const value = {
    header: { type: 3, dup: true, qos: 1, retain: false },
    z: 9,
  };
  assertEquals(packet.encode(value), bytes(0b0011_1010, 9));
  assertEquals(packet.decode(bytes(0b0011_1010, 9)), value);
  assertEquals(packet.fixedBytes, 2);
});

Deno.test("bits() goes on in the next byte", () => {
  // The second line of a DNS header, RFC 1035, 4.1.1.
  const flags = struct({
    flags: bits({
      qr: bool,
      opcode: 4,
      aa: bool,
      tc: bool,
      rd: bool,
      ra: bool,
      z: 3,
      rcode: 4,
    }),
  });
  const value = {
    flags: {
      qr: true,
      opcode: 2,
      aa: false,
      tc: true,
      rd: true,
      ra: false,
      z: 0,
      rcode: 3,
    },
  };
  assertEquals(flags.encode(value), bytes(0b1_0010_0_1_1, 0b0_000_0011));
  assertEquals(flags.decode(bytes(0b1_0010_0_1_1, 3)), value);
  const across = struct({ b: bits({ a: 3, b: 12, c: 1 }) });
  assertEquals(
    across.encode({ b: { a: 5, b: 0xabc, c: 1 } }),
    bytes(0b101_10101, 0b0111100_1),
  );
});

Deno.test("bits() in the other order are the bit fields of C on little-endian machines", () => {
  // struct { unsigned flag : 1, mode : 3, size : 12; } of x86-64.
  const packet = struct({
    bits: bits({ flag: 1, mode: 3, size: 12 }, { order: "lsb" }),
  });
  const value = { bits: { flag: 1, mode: 5, size: 0x678 } };
  const wire = bytes(0x8 << 4 | 5 << 1 | 1, 0x67);
  assertEquals(packet.encode(value), wire);
  assertEquals(packet.decode(wire), value);
});

Deno.test("bits() has no value for what is between two parts", () => {
  const field = bits({ a: 1, _: pad(6), b: bool });
  const packet = struct({ bits: field });
  const value = { bits: { a: 1, b: true } };
  assertEquals(packet.encode(value), bytes(0b1000_0001));
  assertEquals(packet.decode(bytes(0b1111_1111)), value);
});

/** The bits of parts as text, which is the plainest way to put them together. */
function expected(
  parts: readonly { width: number; value: number }[],
  order: "msb" | "lsb",
): Uint8Array {
  const texts = parts.map(({ width, value }) =>
    BigInt(value).toString(2).padStart(width, "0")
  );
  const all = order === "msb" ? texts.join("") : texts.reverse().join("");
  const wire = (all.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2));
  return Uint8Array.from(order === "msb" ? wire : wire.reverse());
}

Deno.test("bits() of any sizes come back, with and without code made at run time", () => {
  const widths = fc.array(fc.integer({ min: 1, max: 53 }), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(
      widths,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      fc.constantFrom("msb" as const, "lsb" as const),
      (given, random, order) => {
        const sizes: number[] = [];
        let total = 0;
        for (const width of given) {
          if (total + width > 64) break;
          sizes.push(width);
          total += width;
        }
        // The last part fills the last byte.
        const left = (8 - total % 8) % 8;
        if (left > 0) sizes.push(left);
        const parts = sizes.map((width) => ({
          width,
          value: Math.min(
            2 ** width - 1,
            Math.floor(random.next().value! * 2 ** width),
          ),
        }));
        const named = <T>(pick: (part: typeof parts[0]) => T) =>
          Object.fromEntries(parts.map((part, i) => [`p${i}`, pick(part)]));
        const make = () =>
          struct({ bits: bits(named(({ width }) => width), { order }) });
        const value = { bits: named((part) => part.value) };
        const wire = expected(parts, order);
        for (const packet of [make(), withoutFunction(make)]) {
          assertEquals(packet.encode(value), wire);
          assertEquals(packet.decode(wire), value);
        }
      },
    ),
    { numRuns: 500, seed: 5 },
  );
});

Deno.test("bits() names the part that cannot be sent", () => {
  const packet = struct({
    header: struct({ flags: bits({ flag: bool, mode: 3, size: 4 }) }),
  });
  const encode = (flags: object) => () =>
    packet.encode({ header: { flags } } as never);
  const good = { flag: true, mode: 7, size: 15 };
  assertEquals(encode(good)(), bytes(255));
  for (const mode of [8, -1, 0.5, NaN]) {
    assertThrows(
      encode({ ...good, mode }),
      RangeError,
      `Cannot encode: field "header.flags.mode" must be an integer from 0 to 7, got ${mode}`,
    );
  }
  for (const mode of ["1", true, undefined, 1n]) {
    assertThrows(encode({ ...good, mode }), TypeError, "header.flags.mode");
  }
  for (const flag of [1, undefined, "x"]) {
    assertThrows(
      encode({ ...good, flag }),
      TypeError,
      'field "header.flags.flag" must be a boolean',
    );
  }
  for (const flags of [null, undefined, 5]) {
    assertThrows(
      encode(flags as never),
      TypeError,
      'field "header.flags" must be an object',
    );
  }
  assertMalformed(
    () => packet.decode(bytes()),
    'field "header.flags" must have its 1 bytes within the frame',
  );
});

Deno.test("bits() takes own values only", () => {
  const odd = struct({ bits: bits({ constructor: 4, toString: 4 }) });
  assertThrows(() => odd.encode({ bits: {} as never }), TypeError, "got undef");
  const { bits: value } = odd.decode(bytes(0x12));
  assertEquals(Object.entries(value), [["constructor", 1], ["toString", 2]]);
});

Deno.test("bits() refuses definitions that make no sense", () => {
  const cases = [
    [() => bits({}), RangeError, "together, got 0"],
    [() => bits({ a: 7 }), RangeError, "together, got 7"],
    [() => bits({ a: 40, b: 32 }), RangeError, "together, got 72"],
    [() => bits({ a: 0, b: 8 }), RangeError, 'part "a" must be an integer'],
    [() => bits({ a: 54, b: 2 }), RangeError, "from 1 to 53"],
    [() => bits({ a: 0.5 }), RangeError, "got 0.5"],
    [() => bits({ a: u8 as never }), TypeError, "bool or a pad"],
    [() => bits({ a: u16 as never }), TypeError, "number of bits"],
    [() => bits(null as never), TypeError, "parts must be an object"],
    [() => bits({ 1: 8 }), RangeError, "more than a whole number"],
    [() => bits(JSON.parse('{"__proto__":8}')), RangeError, "__proto__"],
    [() => bits({ a: 8 }, { order: "big" as "msb" }), RangeError, '"msb"'],
    [() => bits({ a: 8 }, { ordr: "lsb" } as object), TypeError, "order?"],
  ] as const;
  for (const [make, errorClass, text] of cases) {
    assertThrows(make as () => Field<unknown>, errorClass, text);
  }
});
