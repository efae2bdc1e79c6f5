import { assertEquals, assertGreater } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import npmMap from "../../tools/std/import_map.json" with { type: "json" };
import { listFiles, readText } from "./_checkout.ts";

/** The packages of an import map, without the paths into them. */
function packagesOf(imports: Record<string, string>): string[] {
  const names = Object.keys(imports)
    .map((name) => name.split("/").slice(0, 2).join("/"));
  return [...new Set(names)].sort();
}

Deno.test("the npm import map covers every package of deno.json", () => {
  assertEquals(packagesOf(npmMap.imports), packagesOf(config.imports));
});

Deno.test("deno.json imports nothing from npm, which every task would fetch", () => {
  const fromNpm = Object.values(config.imports)
    .filter((target) => !target.startsWith("jsr:"));
  assertEquals(fromNpm, []);
});

Deno.test("npm packages are pinned, each to one version", async () => {
  const specifier = /["']npm:((?:@[^@/"']+\/)?[^@/"']+)@?([^/"']*)[^"']*["']/g;
  const versions = new Map<string, Set<string>>();
  for (const path of await listFiles()) {
    if (!path.endsWith(".ts")) continue;
    for (
      const [, name, version] of (await readText(path)).matchAll(specifier)
    ) {
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
    }
  }
  assertGreater(versions.size, 0);
  for (const [name, found] of versions) {
    assertEquals(found.size, 1, `${name}: ${[...found].join(", ")}`);
    const [version] = found;
    assertEquals(/^\d+\.\d+\.\d+$/.test(version), true, `${name}@${version}`);
  }
});
