import { assertEquals, assertGreater } from "@std/assert";

const [english, chinese] = await Promise.all(
  ["README.md", "README.zh.md"].map(async (name) =>
    (await Deno.readTextFile(new URL(`../../${name}`, import.meta.url)))
      .replaceAll("\r\n", "\n")
  ),
);

/** Code blocks, also those of lists. */
const BLOCK = /^ *```\w[^]*?^ *```$/gm;

function blocksOf(text: string): string[] {
  return text.match(BLOCK) ?? [];
}

function proseOf(text: string): string {
  return text.replaceAll(BLOCK, "");
}

/** Where links and pictures lead, in the order of the alphabet. */
function linksOf(text: string): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)]+)\)/g)]
    .map(([, link]) =>
      // To the other language, and to a heading of its own.
      link.replace(/^README(\.zh)?\.md$/, "OTHER").replace(/^#.*/, "#")
    )
    .sort();
}

/** What is code in prose, in the order of the alphabet. */
function codeOf(text: string): string[] {
  return [...proseOf(text).matchAll(/`([^`]+)`/g)]
    .map(([, code]) => code.replaceAll(/\s+/g, " ")).sort();
}

/** Each heading with the rows of tables, items of lists and numbers below it. */
function sectionsOf(text: string): unknown[] {
  return proseOf(text).split(/^(?=#)/m).map((section) => ({
    level: /^#*/.exec(section)![0].length,
    rows: section.match(/^\|/gm)?.length ?? 0,
    items: section.match(/^- /gm)?.length ?? 0,
    // Measurements, and versions.
    numbers: section.match(/\d+\.\d+(\.\d+)?/g)?.sort() ?? [],
  }));
}

Deno.test("README.zh.md has the code of README.md", () => {
  assertGreater(blocksOf(english).length, 5);
  assertEquals(blocksOf(chinese), blocksOf(english));
  assertEquals(codeOf(chinese), codeOf(english));
});

Deno.test("README.zh.md has the sections, tables and numbers of README.md", () => {
  assertEquals(sectionsOf(chinese), sectionsOf(english));
});

Deno.test("README.zh.md has the links of README.md, and each leads to a file", async () => {
  assertEquals(linksOf(chinese), linksOf(english));
  for (const link of linksOf(chinese)) {
    if (/^(https?:|#|OTHER)/.test(link)) continue;
    await Deno.stat(
      new URL(`../../${link.replace(/#.*/, "")}`, import.meta.url),
    );
  }
});

Deno.test("README says how to make the site, and names no task that is not there", async () => {
  const config = await Deno.readTextFile(
    new URL("../../deno.json", import.meta.url),
  );
  const tasks = new Set(Object.keys(JSON.parse(config).tasks));
  const named = new Set(
    [...english.matchAll(/deno task ([a-z:]+)/g)].map(([, task]) => task),
  );
  assertEquals([...named.difference(tasks)], []);
  assertEquals(["site", "site:dev"].filter((task) => !named.has(task)), []);
});
