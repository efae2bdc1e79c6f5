import { assert, assertEquals } from "@std/assert";
import { splitWords } from "../../../examples/redis/words.ts";

Deno.test("splitWords() reads quotes and escapes as redis-cli does", () => {
  const cases: [line: string, words: string[] | undefined][] = [
    ["", []],
    ["  \t\r", []],
    ["GET a", ["GET", "a"]],
    [" SET  a\t b ", ["SET", "a", "b"]],
    ['SET a "b c"', ["SET", "a", "b c"]],
    ["SET a 'b c'", ["SET", "a", "b c"]],
    ['""', [""]],
    ["'' x", ["", "x"]],
    ['"a\\n\\r\\t\\b\\a\\\\\\"b"', ['a\n\r\t\b\x07\\"b']],
    ['"\\x41\\xff\\xg"', ["A\xffxg"]],
    ["'it\\'s' 'a\\nb'", ["it's", "a\\nb"]],
    ['a"b c"', ["ab c"]],
    ["a\\n", ["a\\n"]],
    ['"a', undefined],
    ["'a", undefined],
    ['"a"b', undefined],
    ["'a''b'", undefined],
    ['"a\\', undefined],
    ['"a\\"', undefined],
    // A byte of UTF-8, not a blank.
    ["\xc3\xa0 \xc2\xa0", ["\xc3\xa0", "\xc2\xa0"]],
  ];
  for (const [line, words] of cases) {
    assertEquals(splitWords(line), words, JSON.stringify(line));
  }
});

Deno.test("splitWords() takes linear time", () => {
  for (
    const part of ["a ", '"a" ', '"\\x41\\"" ', "a'b' ", "''''", '"\\', "\\x"]
  ) {
    const millis = (count: number) => {
      const line = part.repeat(count);
      const start = performance.now();
      splitWords(line);
      return performance.now() - start;
    };
    millis(2_000);
    const few = millis(2_000);
    // The least: what else the machine does only adds to it.
    const many = Math.min(...[1, 2, 3].map(() => millis(40_000)));
    assert(many < 100 * few + 50, `${part}: ${few} ms, then ${many} ms`);
  }
});
