import { assertEquals } from "@std/assert";
import { readText, ROOT } from "./_checkout.ts";

const PRELOAD = "lib/_preload.ts";

/** The part of `deno info --json` that is read here. */
interface Info {
  modules: {
    specifier: string;
    dependencies?: { isDynamic?: boolean; code?: { specifier: string } }[];
  }[];
}

/** What each file of the library imports at run time, as paths from the root. */
async function readGraph(): Promise<Map<string, string[]>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-config", new URL("mod.ts", ROOT).href],
  }).output();
  const { modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  return new Map(
    modules.map(({ specifier, dependencies = [] }) => [
      pathOf(specifier),
      dependencies.flatMap(({ code, isDynamic }) =>
        code === undefined || isDynamic ? [] : [pathOf(code.specifier)]
      ),
    ]),
  );
}

function pathOf(specifier: string): string {
  return specifier.startsWith(ROOT.href)
    ? specifier.slice(ROOT.href.length)
    : specifier;
}

/** All that `file` imports, and what that imports, and so on. */
function reach(graph: Map<string, string[]>, file: string): string[] {
  const found = new Set([file]);
  for (const each of found) {
    if (each === PRELOAD) continue;
    for (const next of graph.get(each) ?? []) found.add(next);
  }
  return [...found];
}

Deno.test("_preload.ts imports exactly what mod.ts does not import itself", async () => {
  const graph = await readGraph();
  const named = ["mod.ts", ...graph.get("mod.ts")!];
  const wanted = reach(graph, "mod.ts")
    .filter((path) => !named.includes(path))
    .map((path) => `import "./${path.replace("lib/", "")}";`)
    .sort();
  const lines = (await readText(PRELOAD)).split("\n");
  const found = lines.filter((line) => line.startsWith("import "));
  assertEquals(found, wanted, `${PRELOAD} must name all files, and no others`);
});

Deno.test("mod.ts loads _preload.ts before all else", async () => {
  const [first] = (await readGraph()).get("mod.ts")!;
  assertEquals(first, PRELOAD);
});
