/**
 * The chapters of the tutorial, taken apart: what its code blocks are, and what should
 * stand in them.
 *
 * A block names what it shows, so that text and programs cannot drift apart:
 *
 * - ```` ```ts [01_echo.ts] ```` shows that file of `docs/tutorial/code`, whole.
 * - ```` ```console ```` shows commands after `$ `, and what they printed.
 *   ```` ```console varies ```` is one whose numbers differ from run to run, and
 *   ```` ```console unordered ```` one whose lines come in any order.
 * - ```` ```sh ```` shows commands that are not run here.
 *
 * @module
 */

/** The languages of the tutorial, the original first. */
export const LANGUAGES = ["en", "zh"] as const;

/** The root of the repository. */
export const ROOT = new URL("../../", import.meta.url);

/** The folder of the tutorial. */
export const TUTORIAL = new URL("docs/tutorial/", ROOT);

/** The folder of its programs. */
export const CODE = new URL("code/", TUTORIAL);

/** A fenced code block of a chapter. */
export interface Block {
  /** The language after the fence. */
  language: string;
  /** The file it shows, or what else stands behind the language. */
  file?: string;
  /** Whether the numbers in it differ from run to run. */
  varies: boolean;
  /** Whether its lines come in any order. */
  unordered: boolean;
  /** What stands between the fences, with its last newline. */
  text: string;
}

/** A chapter in one language. */
export interface Chapter {
  /** Its file name, as `01-first-socket.md`. */
  name: string;
  text: string;
  blocks: Block[];
}

const FENCE = /^```(\w+)([^\n`]*)\n((?:(?!```).*\n)*?)```$/gm;

/** Takes a chapter apart. */
export function parseChapter(name: string, text: string): Chapter {
  const blocks = [...text.matchAll(FENCE)].map((match) => blockOf(match));
  return { name, text, blocks };
}

function blockOf([, language, rest, text]: string[]): Block {
  const file = /\[([^\]]+)\]/.exec(rest)?.[1];
  const varies = / varies\b/.test(rest);
  const unordered = / unordered\b/.test(rest);
  return { language, file, varies, unordered, text };
}

/** All chapters of a language, in order; the first is the index. */
export async function readChapters(language: string): Promise<Chapter[]> {
  const folder = new URL(`${language}/`, TUTORIAL);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".md")) names.push(name);
  }
  names.sort((a, b) =>
    a === "index.md" ? -1 : b === "index.md" ? 1 : a < b ? -1 : 1
  );
  return await Promise.all(names.map(async (name) =>
    parseChapter(
      name,
      lf(await Deno.readTextFile(new URL(name, folder))),
    )
  ));
}

/** The text of a program, as a block shows it. */
export async function readProgram(file: string): Promise<string> {
  return lf(await Deno.readTextFile(new URL(file, CODE)));
}

/** A checkout on Windows may end lines with CR LF. */
function lf(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

/** A chapter's text with each block replaced by what `change` makes of it. */
export function changeBlocks(
  text: string,
  change: (block: Block, index: number) => string,
): string {
  let index = 0;
  return text.replaceAll(FENCE, (...match) => {
    const [, language, rest] = match as string[];
    const changed = change(blockOf(match as string[]), index++);
    return `\`\`\`${language}${rest}\n${changed}\`\`\``;
  });
}

/** The commands of a `console` or `sh` block. */
export function commandsOf({ language, text }: Block): string[] {
  const lines = text.split("\n");
  return language === "console"
    ? lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2))
    : lines.filter((line) => line !== "" && !line.startsWith("#"));
}

/** What a `console` block says that each of its commands prints. */
export function outputsOf({ text }: Block): string[] {
  return text.split(/^\$ .*\n/m).slice(1);
}
