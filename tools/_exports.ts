import config from "../deno.json" with { type: "json" };
import { ROOT } from "./_command.ts";

/** What each entry point exports: lines such as `class Socket`, sorted. */
export type ExportList = Record<string, string[]>;

/** Where the list that was agreed on is kept. */
export const EXPORT_LIST: URL = new URL("tests/repository/exports.json", ROOT);

/**
 * Asks `deno doc` for every name that each entry point of deno.json exports, types
 * included.
 */
export async function readExports(): Promise<ExportList> {
  const list: ExportList = {};
  for (const [entry, file] of Object.entries(config.exports)) {
    list[entry] = await exportsOf(file);
  }
  return list;
}

async function exportsOf(file: string): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file],
    cwd: ROOT,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  const { nodes }: { nodes: Record<string, { symbols: DocSymbol[] }> } = JSON
    .parse(decoder.decode(stdout));
  const names = Object.values(nodes).flatMap(({ symbols }) =>
    symbols.flatMap(({ name, declarations }) =>
      declarations
        .filter(({ declarationKind }) => declarationKind === "export")
        .map(({ kind }) => `${kind} ${name}`)
    )
  );
  // Overloads and a value with a type of the same name come up more than once.
  return [...new Set(names)].sort();
}

/** `deno task exports:update`: agrees to what is exported now. */
export async function updateExports(): Promise<number> {
  const text = JSON.stringify(await readExports(), null, 2);
  await Deno.writeTextFile(EXPORT_LIST, text + "\n");
  return 0;
}

interface DocSymbol {
  name: string;
  declarations: { kind: string; declarationKind: string }[];
}
