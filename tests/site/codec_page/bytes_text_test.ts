import { assertEquals, assertThrows } from "@std/assert";
import {
  BytesTextError,
  formatHex,
  MAX_BYTES,
  parseEscaped,
  parseHex,
} from "../../../docs/codec_page/bytes_text.ts";

Deno.test("parseHex() reads digits as dumps and programs write them", () => {
  const bytes = new Uint8Array([0x00, 0xff, 0x0a, 0xb1]);
  for (
    const text of [
      "00ff0ab1",
      "00 FF 0A b1",
      "00:ff:0a:b1",
      "0x00, 0xff, 0x0a, 0xb1",
      "00ff 0ab1 # a comment\n; another 99\n",
      "00-ff-0a-b1\r\n",
    ]
  ) assertEquals(parseHex(text), bytes, text);
  assertEquals(parseHex(" \n"), new Uint8Array());
});

Deno.test("parseHex() says where the text is no byte", () => {
  for (
    const [text, at] of [["00 0g", 4], ["00 f ff", 4], ["00 f", 4], ["zz", 0], [
      "00 0x",
      5,
    ]] as const
  ) {
    const error = assertThrows(() => parseHex(text), BytesTextError);
    assertEquals(error.at, at, text);
  }
});

Deno.test("parseEscaped() reads text, with escapes for single bytes", () => {
  assertEquals(
    parseEscaped("é\\r\\n\\x00\\xFF\\\\\\t\\0\r\n"),
    new Uint8Array([0xc3, 0xa9, 13, 10, 0, 255, 92, 9, 0, 10]),
  );
  for (const text of ["a\\", "a\\q", "a\\x1"]) {
    assertEquals(
      assertThrows(() => parseEscaped(text), BytesTextError).at,
      1,
      text,
    );
  }
});

Deno.test("parseHex() and parseEscaped() take so many bytes and no more", () => {
  const most = "61".repeat(MAX_BYTES);
  assertEquals(parseHex(most).length, MAX_BYTES);
  assertThrows(() => parseHex(most + "61"), BytesTextError, "65536");
  assertEquals(parseEscaped("a".repeat(MAX_BYTES)).length, MAX_BYTES);
  assertThrows(
    () => parseEscaped("a".repeat(MAX_BYTES + 1)),
    BytesTextError,
    "65536",
  );
});

Deno.test("formatHex() writes what parseHex() reads", () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
  assertEquals(formatHex(bytes).split("\n").length, 3);
  assertEquals(parseHex(formatHex(bytes)), bytes);
});
