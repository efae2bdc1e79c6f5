import { assertEquals } from "@std/assert";
import { findLinks } from "../../tools/site/_markdown.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const MOST_BYTES = 200_000;

Deno.test("every picture of the site is shown in the documentation, and small", async () => {
  const shown = new Set<string>();
  for (const file of ["codecs.md", "../CONTRIBUTING.md"]) {
    const url = new URL(file, DOCS);
    for (const { target, isImage } of findLinks(await Deno.readTextFile(url))) {
      if (isImage) shown.add(new URL(target, url).href);
    }
  }
  const folder = new URL("pictures/", DOCS);
  for await (const { name } of Deno.readDir(folder)) {
    const url = new URL(name, folder);
    assertEquals([name, shown.has(url.href)], [name, true]);
    const { size } = await Deno.stat(url);
    assertEquals(
      size > 1_000 && size < MOST_BYTES,
      true,
      `${name}: ${size} bytes`,
    );
  }
});
