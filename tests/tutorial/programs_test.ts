import { assertEquals, assertGreater } from "@std/assert";
import {
  type Block,
  type Chapter,
  CODE,
  commandsOf,
  LANGUAGES,
  outputsOf,
  readChapters,
} from "../../tools/tutorial/book.ts";
import { masked } from "../../tools/tutorial/masked.ts";
import { ChapterRun } from "../../tools/tutorial/run.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms } from "../_support/programs.ts";

const lacksPython = lacksPrograms("python3");

/** A block without the programs that cannot run here. */
function runnable(block: Block): Block {
  if (!lacksPython) return block;
  const kept = commandsOf(block).flatMap((command, index) =>
    command.startsWith("python3 ")
      ? []
      : [`$ ${command}\n${outputsOf(block)[index]}`]
  );
  return { ...block, text: kept.join("") };
}

/** Runs a chapter's commands; what differs from its text, for a person to read. */
async function differences({ name, blocks }: Chapter): Promise<string[]> {
  const shown = blocks.filter(({ language }) => language === "console")
    .map(runnable);
  const printed: Promise<string>[][] = [];
  await using run = new ChapterRun(freePort());
  for (const block of shown) printed.push(await run.run(block));
  await run.stop();
  const found: string[] = [];
  for (const [index, block] of shown.entries()) {
    const outputs = await Promise.all(printed[index]);
    for (const [i, said] of outputsOf(block).entries()) {
      if (masked(outputs[i], block) === masked(said, block)) continue;
      const command = commandsOf(block)[i];
      found.push(`${name}: ${command}\nsaid:\n${said}printed:\n${outputs[i]}`);
    }
  }
  return found;
}

Deno.test("tutorial: the programs print what the chapters say", {
  // Other systems have other words for some errors.
  ignore: Deno.build.os !== "linux",
  timeout: 300_000,
}, async () => {
  const chapters = await readChapters(LANGUAGES[0]);
  assertGreater(chapters.length, 0);
  const found: string[] = [];
  const waiting = chapters.values();
  const work = async () => {
    for (const chapter of waiting) found.push(...await differences(chapter));
  };
  await Promise.all([work(), work(), work()]);
  assertEquals(found, []);
});

/** How many tests failed in each file, when the exercises are run in one go. */
async function failures(flags: string[]): Promise<Map<string, number>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-check", "--reporter=junit", ...flags, "exercises"],
    cwd: CODE,
    stdin: "null",
    stderr: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const report = new TextDecoder().decode(stdout);
  const suites = report.matchAll(
    /<testsuite name="([^"]+)"[^>]* errors="(\d+)" failures="(\d+)"/g,
  );
  return new Map(
    [...suites].map(([, name, errors, failed]) => [
      name.replace(/^.*exercises[\\/]/, ""),
      Number(failed) + Number(errors),
    ]),
  );
}

async function exerciseTests(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL("exercises/", CODE))) {
    if (name.endsWith("_test.ts")) names.push(name);
  }
  return names.sort();
}

Deno.test("tutorial: the tests of an untouched exercise fail", {
  timeout: 120_000,
}, async () => {
  const found = await failures([]);
  assertEquals([...found.keys()].sort(), await exerciseTests());
  const passed = [...found].filter(([, failed]) => failed === 0);
  assertEquals(passed, []);
});

Deno.test("tutorial: the solutions of the exercises pass", {
  timeout: 120_000,
}, async () => {
  const imports: Record<string, string> = {};
  for await (const { name } of Deno.readDir(new URL("solutions/", CODE))) {
    imports[new URL(`exercises/${name}`, CODE).href] =
      new URL(`solutions/${name}`, CODE).href;
  }
  const map = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(map, JSON.stringify({ imports }));
    const found = await failures([`--import-map=${map}`]);
    assertEquals([...found.keys()].sort(), await exerciseTests());
    assertEquals([...found].filter(([, failed]) => failed > 0), []);
  } finally {
    await Deno.remove(map);
  }
});
