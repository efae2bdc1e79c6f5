import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  cleanText,
  visibleAddress,
  visibleText,
} from "../../examples/_safe_text.ts";
import { Lookalikes, skeleton } from "../../examples/_lookalikes.ts";

/** Every character with a property, for what is a set and not a list of cases. */
function* charactersOf(property: string): Generator<string> {
  const pattern = new RegExp(`^\\p{${property}}$`, "u");
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    if (pattern.test(character)) yield character;
  }
}

const UNSHOWABLE = [
  "Cc",
  "Cf",
  "Zl",
  "Zp",
  "Cs",
  "Default_Ignorable_Code_Point",
];

/** Blank, though Unicode does not say so. */
const BLANK = ["\u{16fe4}", "\u{1d159}"];

Deno.test("cleanText() takes out every character that is obeyed or not seen", () => {
  const kept = new Set<string>();
  for (const property of UNSHOWABLE) {
    for (const each of charactersOf(property)) {
      if (cleanText(`a${each}b`).replace(" ", "") !== "ab") kept.add(each);
    }
  }
  assertEquals([...kept].sort(), ["\u200c", "\u200d", "\ufe0f"]);
  for (const each of BLANK) assertEquals(cleanText(`a${each}b`), "ab");
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
  // Joiners, which some scripts need, do not make one pile many.
  const marks = "\u0301\u0302\u0303\u0304";
  assertEquals(
    cleanText(`e${`${marks}\u200d`.repeat(300)}x`),
    `e${marks}\u200dx`,
  );
  assertEquals(cleanText(`${marks}\u200c\u200dक्\u200dष`).length, 10);
});

Deno.test("cleanText() and visibleText() take linear time", () => {
  // Were it quadratic, the first of them would take minutes.
  const parts = ["\u200d", "\u0301", "\u200d\u0301", " \u200d", "a", "\u202e"];
  for (const part of parts) {
    const long = part.repeat(200_000);
    assert(cleanText(long).length <= long.length);
    assert(visibleText(long, Infinity).length > 0);
  }
});

Deno.test("visibleText() writes out every character that is obeyed or not seen", () => {
  for (const property of [...UNSHOWABLE, "Zs"]) {
    for (const each of charactersOf(property)) {
      if (each === " ") continue;
      const shown = visibleText(`a${each}b`);
      assert(/^a\\u\{[0-9a-f]+\}b$/.test(shown), JSON.stringify(shown));
    }
  }
  assertEquals(visibleText("a\u202eb\u200b.txt"), "a\\u{202e}b\\u{200b}.txt");
  assertEquals(visibleText(BLANK.join("")), "\\u{16fe4}\\u{1d159}");
});

Deno.test("visibleText() is short, also where it cuts a character in two", () => {
  assertEquals(visibleText("x".repeat(400)), `${"x".repeat(300)}…`);
  assertEquals(visibleText("x😀", 2), "x\\u{d83d}…");
  assertEquals(visibleText(`e${"\u0301".repeat(9)}`).length, 6);
});

Deno.test("visibleAddress() shows the path of a Unix socket, and obeys nothing in it", () => {
  assertEquals(
    visibleAddress({ path: "/tmp/\x1b[2J" }),
    "unix:/tmp/\\u{1b}[2J",
  );
  assertMatch(visibleAddress({ hostname: "::1", port: 1 }), /^\[::1\]:1$/);
});

Deno.test("skeleton() is the same for what Unicode calls confusable", () => {
  for (
    const [text, other] of [
      ["scope", "ѕсоре"],
      ["ann", "\u0251nn"],
      ["lll", "I1l"],
      ["rnark", "mark"],
      ["a\u0301", "á"],
    ]
  ) assertEquals(skeleton(text), skeleton(other));
});

Deno.test("Lookalikes has one place for names that look the same", () => {
  for (
    const [name, ...others] of [
      // What is not seen, in the middle and at either end.
      ...[
        ..."\ufe0f\u034f\u3164\u115f\uffa0\u180b\u200b\u2060\u{e0061}\u{16fe4}",
      ]
        .flatMap((each) => [
          ["ann", `ann${each}`, `a${each}nn`, `${each}ann`],
        ]),
      ["ann", "Ann", "ANN", "ａｎｎ", "аnn", "АNN", "𝐚𝐧𝐧", "ꓮNN"],
      ["Ian", "ian", "lan", "1an", "Ιan", "IAN", "LaN"],
      ["paypal", "PАYPАL", "рaypal"],
      ["mark", "rnark", "MARK", "Rnark"],
      ["bob", "b0b", "bоb", "BOB"],
      // A dot above a letter that has one.
      ["bill", "bi\u0307ll", "bi\u0307\u0307ll", "bıll", "bı\u0307ll"],
      ["ανα", "ava"],
    ]
  ) {
    for (const other of others) {
      const names = new Lookalikes<string>();
      names.set(name, "first");
      assertEquals(
        [...names.get(other)],
        ["first"],
        JSON.stringify([name, other]),
      );
      names.delete(name);
      assertEquals(names.get(other).size, 0);
      names.set(other, "second");
      assertEquals(
        [...names.get(name)],
        ["second"],
        JSON.stringify([other, name]),
      );
    }
  }
});

Deno.test("Lookalikes keeps names apart that are told apart", () => {
  const names = new Lookalikes<string>();
  const different = ["ann", "anna", "bob", "Zoë", "Zoe", "用户", "ian", "иван"];
  for (const name of different) {
    assertEquals(names.get(name).size, 0, name);
    names.set(name, name);
  }
  for (const name of different) assertEquals([...names.get(name)], [name]);
  // In small letters it looks like one, in capitals like the other.
  names.set("ava", "small");
  names.set("ana", "capital");
  assertEquals([...names.get("ανα")], ["small", "capital"]);
});
