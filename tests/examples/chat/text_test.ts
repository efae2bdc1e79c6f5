import { assert, assertEquals } from "@std/assert";
import { cleanText, isName, nameKey } from "../../../examples/chat/text.ts";

Deno.test("cleanText() leaves nothing that a terminal obeys", () => {
  assertEquals(
    cleanText("\x1b]0;title\x07\x1b[2Jhi\r\b\x7f\x9b1m"),
    "]0;title[2Jhi1m",
  );
  for (let code = 0; code < 0x100; code++) {
    const clean = cleanText(`a${String.fromCharCode(code)}b`);
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (isControl) assertEquals(clean, code === 9 ? "a b" : "ab");
  }
});

Deno.test("cleanText() removes what turns text around or cannot be seen", () => {
  const unseen = [
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\ud800",
    "\ue000",
    "\u00ad",
  ];
  for (const each of unseen) assertEquals(cleanText(`a${each}b`), "ab");
});

Deno.test("cleanText() keeps the text of every script, and emoji of several parts", () => {
  for (
    const text of ["Zoë", "привет", "नमस्ते", "日本語", "👩‍👩‍👧 ok", "❤️", "a  b"]
  ) {
    assertEquals(cleanText(text), text);
  }
});

Deno.test("cleanText() leaves no pile of marks", () => {
  assertEquals(
    cleanText(`e${"\u0301".repeat(1000)}x`),
    `e${"\u0301".repeat(4)}x`,
  );
});

Deno.test("isName() takes letters, digits, _ and -, up to 20 of them", () => {
  for (const name of ["ann", "Zoë", "用户", "a-b_c", "4", "x".repeat(20)]) {
    assert(isName(name), name);
  }
  for (
    const name of [
      "",
      " ",
      "a b",
      "*",
      "-a",
      "/who",
      "a:",
      "a\x1b[2J",
      "x".repeat(21),
      "a\u202e",
      "a\n",
      `e${"\u0301".repeat(9)}`,
    ]
  ) {
    assert(!isName(name), JSON.stringify(name));
  }
});

Deno.test("nameKey() is the same for names that read the same", () => {
  assertEquals(nameKey("ＡＮＮ"), nameKey("ann"));
  assertEquals(nameKey("Zoe\u0308"), nameKey("ZOË"));
});
