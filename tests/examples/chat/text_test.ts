import { assert, assertEquals } from "@std/assert";
import { isName, nameKey } from "../../../examples/chat/text.ts";

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
      // Letters and marks that are not seen.
      ...["\u3164", "\u115f", "\uffa0", "a\u3164", "a\ufe0f", "a\u034f"],
      ...[
        "a\u180b",
        "a\u{16fe4}",
        "a\u17b4",
        "a\u{e0100}",
        "a\u1160b",
        "\u2800",
        "a\u200d",
      ],
    ]
  ) {
    assert(!isName(name), JSON.stringify(name));
  }
});

Deno.test("nameKey() is the same for names that read the same", () => {
  assertEquals(nameKey("ＡＮＮ"), nameKey("ann"));
  assertEquals(nameKey("Zoe\u0308"), nameKey("ZOË"));
});
