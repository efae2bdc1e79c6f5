import { assertEquals, assertGreater } from "@std/assert";
import { exampleNames } from "../../tools/_examples.ts";
import {
  type Chapter,
  CODE,
  commandsOf,
  LANGUAGES,
  readChapters,
  readProgram,
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
  for (const { name, text: whole, blocks } of all) {
    for (const { language, file, text } of blocks) {
      if (file !== undefined) {
        assertEquals(text, await readProgram(file), `${name}: ${file}`);
      } else if (!["console", "sh"].includes(language)) {
        throw new Error(`${name} has a block of ${language} from no file`);
      }
    }
    // A fence that the parser does not see would not be compared.
    assertEquals([...whole.matchAll(/^```/gm)].length, 2 * blocks.length, name);
  }
});

Deno.test("tutorial: a chapter shows every program that there is", async () => {
  const shown = new Set(
    english.flatMap(({ blocks }) => blocks.map(({ file }) => file)),
  );
  const hidden = (await filesOf(CODE))
    .filter((file) => !shown.has(file) && !/^(shared|received)\//.test(file));
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

Deno.test("tutorial: every link leads to a file, and every chapter to the next", async () => {
  for (
    const [language, chapters] of [["en", english], ["zh", chinese]] as const
  ) {
    for (const { name, text } of chapters) {
      const here = new URL(`${language}/${name}`, TUTORIAL);
      for (const [, link] of text.matchAll(/\]\(([^)]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const target = new URL(link.replace(/#.*/, ""), here);
        const found = await Deno.stat(target).catch(() => null);
        assertEquals(found === null, false, `${name}: ${link}`);
      }
    }
    const [index, ...rest] = chapters;
    for (const [number, { name, text }] of rest.entries()) {
      const title = /^# \d+\. (.+)$/m.exec(text)![1];
      assertEquals(index.text.includes(`[${title}](${name})`), true, name);
      if (number === 0) continue;
      const before = rest[number - 1].text.trimEnd();
      assertEquals(before.endsWith(`[${title}](${name})`), true, name);
    }
  }
});

Deno.test("tutorial: the tours name files that the examples have", async () => {
  let count = 0;
  for (const { name, text } of all) {
    const example = /examples\/(\w+)\/README\.md\)/.exec(text)?.[1];
    if (example === undefined) continue;
    for (const [, file] of text.matchAll(/^\| `(\w+\.ts)` /gm)) {
      const url = new URL(`../../examples/${example}/${file}`, TUTORIAL);
      const found = await Deno.stat(url).catch(() => null);
      assertEquals(found?.isFile, true, `${name}: ${example}/${file}`);
      count++;
    }
  }
  assertGreater(count, 40);
});

Deno.test("tutorial: a Chinese paragraph is one line", () => {
  // The end of a line would be shown as a blank between two characters.
  const broken = /[\u4e00-\u9fff\uff00-\uffef\u3001-\u303f]\n(?=[^\s|#<`!-])/;
  for (const { name, text } of chinese) {
    const prose = text.replaceAll(/^```[^]*?^```$/gm, "")
      .replaceAll(/^(\||#|<).*$/gm, "");
    assertEquals(broken.exec(prose)?.[0], undefined, name);
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

/** Throws unless a test is there, or an example. */
async function checkCommand(command: string, chapter: string): Promise<void> {
  if (/^mkdir \w+$/.test(command)) return;
  const [program, action, ...args] = command.split(" ");
  assertEquals(program, "deno", `${chapter}: ${command}`);
  if (action === "test") {
    const { isFile } = await Deno.stat(new URL(args.at(-1)!, CODE));
    assertEquals(isFile, true);
  } else {
    assertEquals([action, args[0]], ["task", "examples"], command);
    const name = args.slice(1).find((arg) => !arg.startsWith("--allow-"));
    assertEquals((await exampleNames()).includes(name!), true, command);
  }
}
