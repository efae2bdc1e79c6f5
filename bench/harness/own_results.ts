/**
 * What is measured of Sluice without a load: decoding in memory, and importing it.
 *
 * @module
 */

import { findStdSource, importMapFlags } from "../../tools/_std.ts";
import type { InMemory } from "./in_memory.ts";

/**
 * Measures one thing that codecs do in memory, in a fresh process.
 *
 * @param root The checkout whose codecs are measured; it has our `bench/`.
 * @returns Nanoseconds.
 */
export async function measureInMemory(
  root: URL,
  name: keyof InMemory,
): Promise<number> {
  const program = new URL("bench/harness/in_memory.ts", root).href;
  const flags = importMapFlags(await findStdSource());
  return Number(await runDeno(["--quiet", ...flags, program, name]));
}

/** Wall time of two programs, in milliseconds. */
export interface ImportTime {
  empty: number;
  /** The same program with an import. */
  full: number;
}

/**
 * What importing a module takes.
 *
 * @param file The module.
 * @param times Fresh processes of each kind, in turn. The least time of each counts:
 *   what else a machine does adds to it, and never takes from it.
 */
export async function measureImport(
  file: URL,
  times: number,
): Promise<ImportTime> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  try {
    const empty = `${folder}/empty.ts`;
    const full = `${folder}/full.ts`;
    await Deno.writeTextFile(empty, "");
    await Deno.writeTextFile(full, `import ${JSON.stringify(file.href)};`);
    const least = { empty: Infinity, full: Infinity };
    // The first pair fills Deno's cache: it is never the least.
    for (let pair = 0; pair <= times; pair++) {
      least.empty = Math.min(least.empty, await timeRun(empty));
      least.full = Math.min(least.full, await timeRun(full));
    }
    return least;
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
