import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { indexOfByte, Pattern } from "../../lib/bytes/pattern.ts";

Deno.test("indexOfByte() looks only at its range, short or long", () => {
  for (const size of [8, 400]) {
    const bytes = new Uint8Array(size);
    bytes[1] = bytes[5] = 7;
    assertEquals(indexOfByte(bytes, 7, 0, size), 1);
    assertEquals(indexOfByte(bytes, 7, 2, size), 5);
    assertEquals(indexOfByte(bytes, 7, 2, 5), -1);
    assertEquals(indexOfByte(bytes, 7, 6, size), -1);
  }
  // With few bytes behind the range, and with many.
  const bytes = new Uint8Array(400);
  bytes[390] = 7;
  for (const end of [100, 380, 390, 391, 400]) {
    assertEquals(indexOfByte(bytes, 7, 10, end), end > 390 ? 390 : -1);
  }
});

Deno.test("Pattern refuses to be empty", () => {
  assertThrows(
    () => new Pattern(new Uint8Array()),
    RangeError,
    "needle must be at least 1 byte, got a Uint8Array of 0 bytes",
  );
});

Deno.test("Pattern keeps what it looks for, whatever becomes of the array", () => {
  const source = new Uint8Array([1, 2]);
  const pattern = new Pattern(source);
  source.fill(9);
  assertEquals(pattern.scan(new Uint8Array([0, 1, 2]), 0, 3, 0), 2);
  assertEquals(pattern.end, 3);
});

Deno.test("Pattern finds the first match however the text is cut", () => {
  // Two letters make overlaps and false starts likely.
  const letters = fc.array(fc.nat(1), { minLength: 1, maxLength: 6 });
  const text = fc.array(fc.nat(1), { maxLength: 60 });
  fc.assert(
    fc.property(letters, text, fc.nat(7), (needle, haystack, cut) => {
      const pattern = new Pattern(Uint8Array.from(needle));
      const chunk = Uint8Array.from(haystack);
      let matched = 0;
      let found = -1;
      const size = cut + 1;
      for (let i = 0; i < chunk.length && found < 0; i += size) {
        const end = Math.min(chunk.length, i + size);
        matched = pattern.scan(chunk, i, end, matched);
        if (matched === needle.length) found = pattern.end - needle.length;
      }
      assertEquals(found, haystack.join("").indexOf(needle.join("")));
    }),
    { numRuns: 1000, seed: 20 },
  );
});
