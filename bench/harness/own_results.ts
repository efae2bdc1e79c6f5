/**
 * What is measured of Sluice without a load: decoding in memory, and importing it.
 *
 * @module
 */

import { findStdSource, importMapFlags } from "../../tools/_std.ts";
import { IN_MEMORY, type InMemory } from "./in_memory.ts";
import { summarize } from "./statistics.ts";

/** Processes for each number: a machine that is slow for a second is so for one or two. */
const TURNS = 3;

/**
 * Decodes, each codec in fresh processes, in turn.
 *
 * @param root The checkout whose codecs are measured; it has our `bench/`.
 */
export async function measureInMemory(root: URL): Promise<InMemory> {
  const program = new URL("bench/harness/in_memory.ts", root).href;
  const flags = importMapFlags(await findStdSource());
  const samples = Object.fromEntries(
    IN_MEMORY.map((name): [string, number[]] => [name, []]),
  );
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, numbers] of Object.entries(samples)) {
      const printed = await runDeno(["--quiet", ...flags, program, name]);
      numbers.push(Number(printed));
    }
  }
  const medians = IN_MEMORY.map((name) =>
    [name, summarize(samples[name]).median] as const
  );
  return Object.fromEntries(medians) as unknown as InMemory;
}

/**
 * What importing a module costs over an empty program, in milliseconds of wall time.
 *
 * @param file The module.
 * @param times Fresh processes of each kind, in turn.
 */
export async function measureImport(file: URL, times: number): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  try {
    const empty = `${folder}/empty.ts`;
    const full = `${folder}/full.ts`;
    await Deno.writeTextFile(empty, "");
    await Deno.writeTextFile(full, `import ${JSON.stringify(file.href)};`);
    const differences: number[] = [];
    // The first pair fills Deno's cache.
    for (let round = -1; round < times; round++) {
      const difference = -await timeRun(empty) + await timeRun(full);
      if (round >= 0) differences.push(difference);
    }
    return summarize(differences).median;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function timeRun(file: string): Promise<number> {
  const start = performance.now();
  await runDeno(["--quiet", "--no-config", file]);
  return performance.now() - start;
}

async function runDeno(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr).trim());
  return decoder.decode(stdout);
}
