import { assert, assertEquals } from "@std/assert";
import { Glob } from "../../../examples/redis/glob.ts";

function matches(pattern: string, key: string, slice = Infinity): boolean {
  const glob = new Glob(pattern);
  glob.begin(key);
  let result = glob.go();
  while (result === undefined) {
    glob.left = slice;
    result = glob.go();
  }
  return result;
}

Deno.test("Glob matches what Redis says, however few steps it may take at once", () => {
  const cases: [pattern: string, yes: string[], no: string[]][] = [
    ["*", ["", "a", "\xff\n"], []],
    ["", [""], ["a"]],
    ["a", ["a"], ["", "b", "aa"]],
    ["?", ["a", "\n"], ["", "ab"]],
    ["a*", ["a", "abc"], ["ba"]],
    ["*a", ["a", "ba", "aba"], ["ab"]],
    ["a*b*c", ["abc", "axbxbxc"], ["ab", "acb"]],
    ["**a**", ["a", "xax"], ["b"]],
    ["[abc]", ["a", "c"], ["d", ""]],
    ["[^abc]", ["d"], ["a", ""]],
    ["[a-c]x", ["ax", "cx"], ["dx"]],
    ["[c-a]x", ["bx"], ["dx"]],
    ["[a\\-c]", ["-", "a"], ["b"]],
    ["\\*", ["*"], ["a"]],
    ["a\\", ["a\\"], ["a"]],
    ["[a", ["a"], ["["]],
    ["[^a", ["b"], ["a"]],
    ["*[0-9]*", ["x1y"], ["xy"]],
  ];
  for (const [pattern, yes, no] of cases) {
    for (const slice of [1, 3, 1_000]) {
      for (const key of yes) assert(matches(pattern, key, slice), pattern);
      for (const key of no) assert(!matches(pattern, key, slice), pattern);
    }
  }
});

Deno.test("Glob is not sent into ages by many stars", () => {
  assertEquals(matches("*a".repeat(500) + "b", "a".repeat(20_000)), false);
});
