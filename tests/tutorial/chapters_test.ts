import { assertEquals, assertGreater } from "@std/assert";
import { shebangFlags } from "../../tools/_examples.ts";
import {
  type Chapter,
  CODE,
  commandsOf,
  LANGUAGES,
  readChapters,
  readProgram,
  ROOT,
  TUTORIAL,
} from "../../tools/tutorial/book.ts";
import { drawPicture } from "../../tools/tutorial/picture.ts";
import { PICTURES } from "../../tools/tutorial/pictures.ts";

const [english, chinese] = await Promise.all(LANGUAGES.map(readChapters));
const all = [...english, ...chinese];

/** Files below a folder, as paths from there. */
async function filesOf(folder: URL, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      const below = new URL(`${name}/`, folder);
      files.push(...await filesOf(below, `${prefix}${name}/`));
    } else {
      files.push(prefix + name);
    }
  }
  return files.sort();
}

Deno.test("tutorial: there are as many chapters in each language", () => {
  assertGreater(english.length, 3);
  assertEquals(
    chinese.map(({ name }) => name),
    english.map(({ name }) => name),
  );
});

Deno.test("tutorial: a block shows the file that it names", async () => {
  for (const { name, blocks } of all) {
    for (const { language, file, text } of blocks) {
      if (file !== undefined) {
        assertEquals(text, await readProgram(file), `${name}: ${file}`);
      } else if (!["console", "sh"].includes(language)) {
        throw new Error(`${name} has a block of ${language} from no file`);
      }
    }
    // A fence that the parser does not see would not be compared.
    const { text } = all.find((chapter) => chapter.name === name)!;
    assertEquals([...text.matchAll(/^```/gm)].length, 2 * blocks.length, name);
  }
});

Deno.test("tutorial: a chapter shows every program that there is", async () => {
  const shown = new Set(
    english.flatMap(({ blocks }) => blocks.map(({ file }) => file)),
  );
  const hidden = (await filesOf(CODE)).filter((file) => !shown.has(file));
  // Solutions are for after the attempt, and tests are run.
  assertEquals(
    hidden.filter((file) =>
      !/^solutions\/|^exercises\/\d\d_\w+_test\.ts$/.test(file)
    ),
    [],
  );
  const exercises = (await filesOf(new URL("exercises/", CODE)))
    .filter((file) => !file.endsWith("_test.ts"));
  assertEquals(await filesOf(new URL("solutions/", CODE)), exercises);
});

/** What two languages of a chapter have in common. */
function skeleton({ text, blocks }: Chapter, language: string): unknown {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "");
  const links = [...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) =>
    // The link to the other language is the one that differs.
    link.replace(`/${language}/`, "/LANGUAGE/")
      .replace(/^\.\.\/(en|zh)\//, "../OTHER/").replace(/#.*/, "")
  );
  return {
    headings: [...prose.matchAll(/^#+(?= )/gm)].map(([level]) => level),
    // Prose may name them in another order.
    links: links.sort(),
    blocks,
    tables: [...prose.matchAll(/^\|/gm)].length,
    items: [...prose.matchAll(/^(-|\d+\.) /gm)].length,
  };
}

Deno.test("tutorial: both languages have the same parts, links and code", () => {
  for (const [index, chapter] of english.entries()) {
    assertEquals(
      skeleton(chinese[index], "zh"),
      skeleton(chapter, "en"),
      chapter.name,
    );
  }
});

Deno.test("tutorial: pictures are as they are drawn, and shown", async () => {
  for (const [index, language] of LANGUAGES.entries()) {
    const folder = new URL(`pictures/${language}/`, TUTORIAL);
    const text = [english, chinese][index].map(({ text }) => text).join("");
    assertEquals(
      await filesOf(folder),
      PICTURES.map(({ name }) => `${name}.svg`).sort(),
    );
    for (const picture of PICTURES) {
      const file = `${picture.name}.svg`;
      const drawn = await Deno.readTextFile(new URL(file, folder));
      assertEquals(
        drawn.replaceAll("\r\n", "\n"),
        drawPicture(picture, index),
        `${file}: run tools/tutorial/main.ts`,
      );
      assertEquals(
        text.includes(`../pictures/${language}/${file})`),
        true,
        file,
      );
    }
  }
});

Deno.test("tutorial: the commands that are not run here are right", async () => {
  for (const { name, blocks } of all) {
    for (const block of blocks.filter(({ language }) => language === "sh")) {
      for (const command of commandsOf(block)) {
        await checkCommand(command, name);
      }
    }
  }
});

/** Throws unless the file is there, and an example has the flags of its shebang. */
async function checkCommand(command: string, chapter: string): Promise<void> {
  const [program, action, ...args] = command.split(" ");
  if (program !== "deno" || !["run", "test"].includes(action)) return;
  const file = args.find((arg) => arg.endsWith(".ts"))!;
  const source = await Deno.readTextFile(new URL(file, CODE));
  if (!file.includes("/examples/")) return;
  const given = args.slice(0, args.indexOf(file));
  for (const flag of shebangFlags(source)!) {
    assertEquals(given.includes(flag), true, `${chapter}: ${command}: ${flag}`);
  }
  assertEquals(new URL(file, CODE).href.startsWith(ROOT.href), true);
}
