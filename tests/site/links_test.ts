import { assertEquals } from "@std/assert";
import { linkPage } from "../../tools/site/_links.ts";
import type { Page } from "../../tools/site/_page.ts";

const PAGES: Page[] = [
  { path: "guides/codecs.md", title: "", text: "", source: "docs/codecs.md" },
  {
    path: "examples/chat.md",
    title: "",
    text: "",
    source: "examples/chat/README.md",
  },
  { path: "api/net/index.md", title: "", text: "" },
];
const FILES = [
  "docs/codecs.md",
  "lib/a.ts",
  "bench/results/b.svg",
  "examples/chat",
];

/** The links of a text that is a file of the repository, or was made by a program. */
function link(text: string, source?: string, repository?: string) {
  return linkPage({ path: "x.md", title: "", text, source }, {
    bySource: new Map(
      PAGES.flatMap((page) =>
        page.source === undefined ? [] : [[page.source, page]]
      ),
    ),
    byPath: new Map(PAGES.map((page) => [page.path, page])),
    exists: (path) => FILES.includes(path),
    repository,
  });
}

Deno.test("linkPage() sends a file with a page to its page", () => {
  const { text, dead } = link(
    "[a](codecs.md#x) [b](../examples/chat/) [c](./codecs.md) [d](#e)",
    "docs/y.md",
  );
  assertEquals(
    text,
    "[a](/guides/codecs.md#x) [b](/examples/chat.md) [c](/guides/codecs.md) [d](#e)",
  );
  assertEquals(dead, []);
});

Deno.test("linkPage() sends a file without a page to the repository, or makes it text", () => {
  const text = "see [`a`](../lib/a.ts#L3) there";
  const at = "https://example.com/blob/main/";
  assertEquals(link(text, "docs/y.md").text, "see `a` there");
  assertEquals(
    link(text, "docs/y.md", at).text,
    `see [\`a\`](${at}lib/a.ts#L3) there`,
  );
});

Deno.test("linkPage() takes pictures along", () => {
  const { text, pictures } = link("![b](../bench/results/b.svg)", "docs/y.md");
  assertEquals(text, "![b](/bench/results/b.svg)");
  assertEquals(pictures, ["bench/results/b.svg"]);
});

Deno.test("linkPage() takes links of pages that were made from the root of the site", () => {
  const { text, dead } = link("[a](/api/net/index.md#B) [c](/lib/a.ts)");
  assertEquals(text, "[a](/api/net/index.md#B) c");
  assertEquals(dead, []);
});

Deno.test("linkPage() names links that lead nowhere", () => {
  const { dead } = link(
    "[a](gone.md) [b](../../out.md) [c](htp:x) ![d](https://example.com/d.png) [e](https://x)",
    "docs/y.md",
  );
  assertEquals(dead, [
    "docs/y.md links to gone.md, which is not there",
    "docs/y.md links to ../../out.md, which is not there",
    "docs/y.md links to htp:x, which is no address",
    "docs/y.md shows https://example.com/d.png, which is on another host",
    "docs/y.md links to https://x, which is no address",
  ]);
});

Deno.test("linkPage() keeps two braces from VitePress, but not in code", () => {
  assertEquals(
    link("a {{ b }} `{{ c }}`").text,
    "a &#123;&#123; b }} `{{ c }}`",
  );
});
