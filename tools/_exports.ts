import config from "../deno.json" with { type: "json" };
import { ROOT } from "./_command.ts";
import { symbolsOf } from "./_doc.ts";

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

/** The `@category` of each name that an entry point exports; `undefined` for none. */
export type CategoryList = Record<string, Record<string, string | undefined>>;

/** Asks `deno doc` for the category of every name that each entry point exports. */
export async function readCategories(): Promise<CategoryList> {
  const list: CategoryList = {};
  for (const [entry, file] of Object.entries(config.exports)) {
    // One declaration of an overloaded function is enough.
    list[entry] = Object.fromEntries(
      (await symbolsOf(file)).map(({ name, declarations }) => [
        name,
        declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? [])
          .find(({ kind }) => kind === "category")?.doc?.trim(),
      ]),
    );
  }
  return list;
}

async function exportsOf(file: string): Promise<string[]> {
  const names = (await symbolsOf(file)).flatMap(({ name, declarations }) =>
    declarations.map(({ kind }) => `${kind} ${name}`)
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
