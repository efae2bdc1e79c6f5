import { ROOT } from "./_command.ts";

/** Where the generated file is. */
export const PRELOAD: URL = new URL("lib/_preload.ts", ROOT);

const HEADER = `/**
 * Made by \`deno task preload:update\`: all files that \`mod.ts\` does not import itself.
 *
 * It is the first import of \`mod.ts\`, as Deno 2.9 parses the source map of each file that
 * is the first to import another one, and this one is short: importing takes a fifth less
 * time.
 *
 * @module
 */

`;

/** What the generated file should hold now. */
export async function preloadText(): Promise<string> {
  const graph = await readGraph();
  // What it names now may not be needed any more.
  graph.set("lib/_preload.ts", []);
  const direct = ["mod.ts", "lib/_preload.ts", ...graph.get("mod.ts") ?? []];
  const files = new Set(direct.filter((path) => path !== "lib/_preload.ts"));
  for (const file of files) {
    for (const next of graph.get(file) ?? []) files.add(next);
  }
  const lines = [...files]
    .filter((path) => !direct.includes(path))
    .map((path) => `import "./${path.replace(/^lib\//, "")}";\n`)
    .sort();
  return HEADER + lines.join("");
}

/** `deno task preload:update`: names the files that there are now. */
export async function updatePreload(): Promise<number> {
  await Deno.writeTextFile(PRELOAD, await preloadText());
  return 0;
}

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
      ).filter((path) => path.startsWith("lib/")),
    ]),
  );
}

function pathOf(specifier: string): string {
  return specifier.startsWith(ROOT.href)
    ? specifier.slice(ROOT.href.length)
    : specifier;
}
