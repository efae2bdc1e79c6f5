import { strictEqual } from "node:assert/strict";
import { isSafeName } from "./08_safe_name.ts";

Deno.test("isSafeName() accepts ordinary names", () => {
  for (const name of ["a", "photo.jpg", "my-notes_2.tar.gz", "console.log"]) {
    strictEqual(isSafeName(name), true, name);
  }
});

Deno.test("isSafeName() refuses names that lead elsewhere", () => {
  for (const name of ["", ".", "..", "../a", "a/b", "a\\b", ".bashrc", "a."]) {
    strictEqual(isSafeName(name), false, name);
  }
});

Deno.test("isSafeName() refuses names that some systems cannot have", () => {
  for (const name of ["NUL", "con.txt", "a:b", "a\0b", "a\nb", "é"]) {
    strictEqual(isSafeName(name), false, name);
  }
  strictEqual(isSafeName("a".repeat(100)), true);
  strictEqual(isSafeName("a".repeat(101)), false);
});
