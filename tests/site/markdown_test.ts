import { assertEquals } from "@std/assert";
import {
  anchorOf,
  changeLinks,
  findLinks,
  mapProse,
  titleOf,
  withoutCode,
} from "../../tools/site/_markdown.ts";

Deno.test("withoutCode() blanks fences, code and comments, and nothing else", () => {
  const text = [
    "a `b` ``c ` d`` e",
    "````md",
    "```ts",
    "[no](no.md)",
    "```",
    "````",
    "<!-- [no](no.md)",
    "-->f",
  ].join("\n");
  const prose = withoutCode(text);
  assertEquals(prose.length, text.length);
  assertEquals(
    prose.replaceAll("\0", "").replaceAll(/\n+/g, "\n"),
    "a   e\nf",
  );
});

Deno.test("mapProse() changes what is no code", () => {
  assertEquals(
    mapProse(
      "a {{ `{{` b\n\n```\n{{\n```\n{{",
      (text) => text.replaceAll("{{", "X"),
    ),
    "a X `{{` b\n\n```\n{{\n```\nX",
  );
  assertEquals(mapProse("`a`", () => ""), "`a`");
});

Deno.test("findLinks() finds links, pictures, references and attributes", () => {
  const text = [
    '[one](a.md#x) ![two](b.svg "title") [`co[de]`](c.ts) [w](d_(e).md)',
    "`[no](no.md)` [over",
    "lines](f.md)",
    "[g]: g.md",
    '<img alt="" src="h.png"><a href="i.md">i</a>',
  ].join("\n");
  assertEquals(
    findLinks(text).map(({ target, isImage }) => [target, isImage]),
    [
      ["a.md#x", false],
      ["b.svg", true],
      ["c.ts", false],
      ["d_(e).md", false],
      ["f.md", false],
      ["g.md", false],
      ["h.png", true],
      ["i.md", false],
    ],
  );
});

Deno.test("changeLinks() changes targets, or puts text in their place", () => {
  assertEquals(
    changeLinks(
      "[a](a.md) [`b`](b.md) `[a](a.md)` [c](c.md)",
      ({ target, whole }) =>
        target === "a.md"
          ? "/x"
          : target === "b.md"
          ? { text: whole!.text }
          : undefined,
    ),
    "[a](/x) `b` `[a](a.md)` [c](c.md)",
  );
});

Deno.test("titleOf() gives the first heading without its marks", () => {
  assertEquals(titleOf("text\n# A `b` c\n# D"), "A b c");
  assertEquals(titleOf("## no"), undefined);
});

Deno.test("anchorOf() makes the anchors that GitHub makes", () => {
  assertEquals(anchorOf("A world: `simulate`"), "a-world-simulate");
  assertEquals(anchorOf("What's in — a name?"), "whats-in--a-name");
  assertEquals(anchorOf("网络上 发生了什么？"), "网络上-发生了什么");
});
