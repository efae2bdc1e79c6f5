import { ROOT } from "../_command.ts";
import { titleOf } from "./_markdown.ts";
import type { Page } from "./_page.ts";

/** Where the files of the repository have their pages. */
const PLACES: readonly [RegExp, (...parts: string[]) => string][] = [
  [/^README\.md$/, () => "guides/introduction.md"],
  [/^README\.zh\.md$/, () => "zh/index.md"],
  [
    /^(CHANGELOG|CONTRIBUTING|SECURITY)\.md$/,
    (name) => `project/${name.toLowerCase()}.md`,
  ],
  [/^docs\/([^/]+)\.md$/, (name) => `guides/${name}.md`],
  [/^docs\/tutorial\/en\/(.+)\.md$/, (name) => `tutorial/${index(name)}.md`],
  [/^docs\/tutorial\/zh\/(.+)\.md$/, (name) => `zh/tutorial/${index(name)}.md`],
  [/^bench\/results\/latest\.md$/, () => "benches/index.md"],
  [/^examples\/([^/]+)\/README\.md$/, (name) => `examples/${name}.md`],
];

/** A folder's README is the page of the folder. */
function index(name: string): string {
  return name.replace(/(^|\/)README$/, "$1index");
}

/** Where the page of a file is, or undefined where it has none. */
export function placeOf(path: string): string | undefined {
  for (const [pattern, place] of PLACES) {
    const match = pattern.exec(path);
    if (match !== null) return place(...match.slice(1));
  }
  return undefined;
}

/** Paths of all files under some folders of the repository, from its root. */
export async function listFiles(
  folders: readonly string[],
): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string) => {
    for await (
      const { name, isFile, isDirectory } of Deno.readDir(new URL(folder, ROOT))
    ) {
      if (isFile) files.push(folder + name);
      // Folders of tools, and what they leave behind.
      if (isDirectory && !/^(\.|node_modules$)/.test(name)) {
        await visit(`${folder}${name}/`);
      }
    }
  };
  for (const folder of folders) await visit(folder);
  return files.sort();
}

/** The pages that are files of the repository. */
export async function repositoryPages(): Promise<Page[]> {
  const files = await listFiles(["bench/results/", "docs/", "examples/"]);
  for await (const { name, isFile } of Deno.readDir(ROOT)) {
    if (isFile) files.push(name);
  }
  const pages: Page[] = [];
  for (const source of files.sort()) {
    const path = placeOf(source);
    if (path === undefined) continue;
    const text = await Deno.readTextFile(new URL(source, ROOT));
    // "Sluice" is the name of the whole.
    const title = source === "README.md" ? "Introduction" : titleOf(text);
    if (title === undefined) {
      throw new Error(`Cannot make a page of ${source}: it has no heading`);
    }
    pages.push({ path, title, text, source });
  }
  return pages;
}
