/**
 * Writes what the tutorial shows into its chapters: programs, what they print, pictures.
 * README.zh.md gets the code of README.md.
 *
 * ```sh
 * deno run -A tools/tutorial/main.ts        # all of it
 * deno run -A tools/tutorial/main.ts 03 05  # these chapters
 * ```
 *
 * @module
 */

import {
  changeBlocks,
  commandsOf,
  LANGUAGES,
  outputsOf,
  parseChapter,
  readChapters,
  readProgram,
  ROOT,
  TUTORIAL,
} from "./book.ts";
import { shown } from "../_command.ts";
import { drawPicture } from "./picture.ts";
import { PICTURES } from "./pictures.ts";
import { ChapterRun } from "./run.ts";
import { masked } from "./masked.ts";

const chapters = await readChapters(LANGUAGES[0]);
const wrong = Deno.args.find((prefix) =>
  prefix === "" || !chapters.some(({ name }) => name.startsWith(prefix))
);
if (wrong !== undefined) {
  console.error(
    `Cannot write the tutorial: each argument must be how a chapter begins, such as 03, got ${
      shown(wrong)
    }`,
  );
  Deno.exit(2);
}
await writePictures();
await writeChineseReadme();
for (const { name, text } of chapters) {
  const wanted = Deno.args.length === 0 ||
    Deno.args.some((prefix) => name.startsWith(prefix));
  if (wanted) await writeChapter(name, text);
}

async function writePictures(): Promise<void> {
  for (const [index, language] of LANGUAGES.entries()) {
    const folder = new URL(`pictures/${language}/`, TUTORIAL);
    await Deno.mkdir(folder, { recursive: true });
    for (const picture of PICTURES) {
      const file = new URL(`${picture.name}.svg`, folder);
      await Deno.writeTextFile(file, drawPicture(picture, index));
    }
  }
}

/** Gives README.zh.md the code of README.md, block by block. */
async function writeChineseReadme(): Promise<void> {
  const block = /^ *```\w[^]*?^ *```$/gm;
  const file = new URL("README.zh.md", ROOT);
  const [english, chinese] = await Promise.all(
    [new URL("README.md", ROOT), file].map((url) => Deno.readTextFile(url)),
  );
  const blocks = (english.match(block) ?? []).values();
  await Deno.writeTextFile(
    file,
    chinese.replaceAll(block, (old) => blocks.next().value ?? old),
  );
}

/** Runs a chapter once, and writes it in every language. */
async function writeChapter(name: string, text: string): Promise<void> {
  const shown: string[] = [];
  await using run = new ChapterRun(freePort());
  const pending: Promise<string>[][] = [];
  const { blocks } = parseChapter(name, text);
  for (const block of blocks) {
    pending.push(block.language === "console" ? await run.run(block) : []);
  }
  await run.stop();
  for (const [index, block] of blocks.entries()) {
    if (block.language === "console") {
      const printed = await Promise.all(pending[index]);
      const before = outputsOf(block);
      shown.push(
        commandsOf(block).map((command, i) => {
          const same = masked(printed[i], block) === masked(before[i], block);
          return `$ ${command}\n${same ? before[i] : printed[i]}`;
        }).join(""),
      );
    } else if (block.file !== undefined) {
      shown.push(await readProgram(block.file));
    } else {
      shown.push(block.text);
    }
  }
  for (const language of LANGUAGES) {
    const file = new URL(`${language}/${name}`, TUTORIAL);
    const old = await Deno.readTextFile(file).catch(() => undefined);
    if (old === undefined) continue;
    await Deno.writeTextFile(
      file,
      changeBlocks(old, (_, index) => shown[index] ?? "?\n"),
    );
  }
  console.log(name);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
