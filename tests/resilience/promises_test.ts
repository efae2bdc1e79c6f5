import { assert, assertEquals, assertGreater } from "@std/assert";

const PAGE = new URL("../../docs/reliability.md", import.meta.url);
const REFERENCE = /\]\((?<path>\.\.\/tests\/[^)]+)\): "(?<title>[^"]+)"/g;

Deno.test("docs/reliability.md names a test for each promise, which exists", async () => {
  const page = await Deno.readTextFile(PAGE);
  let promises = 0;
  for (const { groups } of page.matchAll(REFERENCE)) {
    const source = await Deno.readTextFile(new URL(groups!.path, PAGE));
    // A title of a loop begins or ends with a part that differs.
    const titled = source.includes(`"${groups!.title}`) ||
      source.includes(`\`${groups!.title}`) ||
      source.includes(`${groups!.title}\``);
    assert(titled, `${groups!.path} has no test titled: ${groups!.title}`);
    promises++;
  }
  assertGreater(promises, 40);
  const rows = page.split("\n").filter((line) =>
    /^\| (?!-|promise)/.test(line)
  );
  assertEquals(rows.length, promises, "a promise without a test");
});

Deno.test("docs/reliability.md names every file of the bad-day suite", async () => {
  const page = await Deno.readTextFile(PAGE);
  const here = new URL(".", import.meta.url);
  for await (const { name } of Deno.readDir(here)) {
    if (!name.endsWith("_test.ts") || name === "promises_test.ts") continue;
    assert(page.includes(`tests/resilience/${name}`), name);
  }
});
