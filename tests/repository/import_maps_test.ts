import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import npmMap from "../../tools/std/import_map.json" with { type: "json" };

/** What both maps must send to the same place, and what only npm's twin renames. */
function split(imports: Record<string, string>) {
  const entries = Object.entries(imports);
  const isStd = ([name]: [string, string]) => name.startsWith("@std/");
  return {
    std: entries.filter(isStd).map(([name]) => name),
    others: Object.fromEntries(entries.filter((entry) => !isStd(entry))),
  };
}

Deno.test("both import maps pin the same npm packages", () => {
  assertEquals(split(npmMap.imports).others, split(config.imports).others);
  for (const target of Object.values(split(config.imports).others)) {
    assertEquals(
      /^npm:(@[^@/]+\/)?[^@/]+@\d+\.\d+\.\d+(\/.*)?$/.test(target),
      true,
      target,
    );
  }
});

Deno.test("the npm import map covers every @std package", () => {
  const packages = (names: string[]) =>
    [...new Set(names.map((name) => name.split("/").slice(0, 2).join("/")))]
      .sort();
  assertEquals(
    packages(split(npmMap.imports).std),
    packages(split(config.imports).std),
  );
});
