import { measureImport, measureInMemory } from "../harness/own_results.ts";
import type { OwnResult } from "./results.ts";

const ROOT = new URL("../../", import.meta.url);

/** Processes of each kind that are timed for one number. */
const IMPORTS = 7;

/** Measures what needs no load, once. */
export async function measureOwn(): Promise<Record<string, number>> {
  const memory = await measureInMemory(ROOT);
  return {
    decode: 1_000 / memory.lengthPrefixed,
    lines: memory.textLineStream / memory.lines,
    search: memory.searchLong / memory.searchShort,
    import: await measureImport(new URL("mod.ts", ROOT), IMPORTS),
  };
}

const TITLES: Record<string, [title: string, unit: string]> = {
  decode: ["lengthPrefixed, 64-byte frames, in memory", "million frames/s"],
  lines: ["lines in memory, against TextLineStream", "times as fast"],
  search: [
    "a byte of a line that comes a byte at a time, 256 KiB against 16 KiB",
    "times as long",
  ],
  import: ["import of mod.ts over an empty program", "ms"],
};

/** The rounds of {@linkcode measureOwn}, by what was measured. */
export function collectOwn(
  rounds: readonly Record<string, number>[],
): OwnResult[] {
  if (rounds.length === 0) return [];
  return Object.entries(TITLES).map(([id, [title, unit]]) => ({
    id,
    title,
    unit,
    rounds: rounds.map((round) => round[id]),
  }));
}
