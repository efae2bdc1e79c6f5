import { ROOT } from "../_command.ts";
import { apiPages } from "./_api_pages.ts";
import { codecFile } from "./_codec_file.ts";
import { readEntries } from "./_deno_doc.ts";
import { examplePages } from "./_example_pages.ts";
import { linkPage } from "./_links.ts";
import { sidebars } from "./_navigation.ts";
import type { Page } from "./_page.ts";
import type { SiteData } from "./_site_data.ts";
import { repositoryPages } from "./_repository.ts";
import config from "../../deno.json" with { type: "json" };

/** How the pages are made. */
export interface AssembleOptions {
  /** The folder for the pages; what is there is replaced. */
  folder: string;
  /** The path that the site is served under, with a slash at both ends. */
  base: string;
  /** Where the files of the repository can be read, if that is known. */
  repository?: string;
}

/**
 * Writes all pages as VitePress takes them: Markdown files, `public/` with their pictures,
 * and `site.json` for its configuration.
 *
 * @returns How many pages there are, and which links lead nowhere, a line each.
 */
export async function assemble(
  { folder, base, repository }: AssembleOptions,
): Promise<{ count: number; dead: string[] }> {
  const [files, entries] = await Promise.all([
    repositoryPages(),
    readEntries(),
  ]);
  const sources = new Map(
    await Promise.all(
      entries.map(async ({ specifier, file }) =>
        [specifier, await Deno.readTextFile(new URL(file, ROOT))] as const
      ),
    ),
  );
  const api = apiPages(entries, sources);
  const inFolders = files.filter(({ path }) => path.startsWith("examples/"));
  const pages = [
    ...files,
    ...await examplePages(inFolders),
    ...api.pages,
    ...await ownPages(),
  ];
  const { texts, pictures, dead } = linkPages(pages, repository);

  await Deno.remove(folder, { recursive: true }).catch(ignoreMissing);
  await writeAll(folder, texts);
  for (const picture of pictures) {
    await makeFolderOf(`${folder}/public/${picture}`);
    await Deno.copyFile(new URL(picture, ROOT), `${folder}/public/${picture}`);
  }
  await copyFolder(
    new URL("docs/.vitepress/public/", ROOT),
    `${folder}/public`,
  );
  await Deno.writeTextFile(
    `${folder}/public/codec_page.html`,
    await codecFile(),
  );
  const data: SiteData = {
    base,
    version: config.version,
    repository,
    hasChinese: pages.some(({ path }) => path === "zh/index.md"),
    sidebars: sidebars(pages, api.entries),
  };
  await Deno.writeTextFile(`${folder}/site.json`, JSON.stringify(data));
  return { count: texts.size, dead };
}

/** The pages that the site has besides the files of the repository: `docs/.vitepress/pages`. */
async function ownPages(): Promise<Page[]> {
  const folder = new URL("docs/.vitepress/pages/", ROOT);
  const pages: Page[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    pages.push({ path: name, title: name, text });
  }
  return pages;
}

function linkPages(
  pages: readonly Page[],
  repository: string | undefined,
): { texts: Map<string, string>; pictures: Set<string>; dead: string[] } {
  const texts = new Map<string, string>();
  const pictures = new Set<string>();
  const dead: string[] = [];
  const context = {
    bySource: new Map(
      pages.flatMap((page) =>
        page.source === undefined ? [] : [[page.source, page]]
      ),
    ),
    byPath: new Map(
      pages.flatMap((page) => [
        [page.path, page],
        [page.path.replace(/(^|\/)index\.md$|\.md$/, ""), page],
      ]),
    ),
    exists,
    repository,
  };
  for (const page of pages) {
    const linked = linkPage(page, context);
    texts.set(
      page.path,
      /^(zh\/)?tutorial\//.test(page.path)
        ? tutorialText(linked.text)
        : linked.text,
    );
    for (const picture of linked.pictures) pictures.add(picture);
    dead.push(...linked.dead);
  }
  return { texts, pictures, dead };
}

/** A chapter has two columns of programs, and so the room of the menu at its side. */
function tutorialText(text: string): string {
  const named = text.replaceAll(
    // VitePress shows names of files in groups of blocks alone.
    /^(`{3,}\w+) \[([\w./-]+)\]$/gm,
    '<p class="file"><code>$2</code></p>\n\n$1',
  );
  return `---\naside: false\npageClass: tutorial\n---\n\n${named}`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function writeAll(folder: string, texts: ReadonlyMap<string, string>) {
  for (const [path, text] of texts) {
    const file = `${folder}/${path}`;
    await makeFolderOf(file);
    await Deno.writeTextFile(file, text);
  }
}

async function copyFolder(from: URL, to: string): Promise<void> {
  for await (const { name } of Deno.readDir(from)) {
    await makeFolderOf(`${to}/${name}`);
    await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

async function makeFolderOf(file: string): Promise<void> {
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
