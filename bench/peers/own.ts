import { IN_MEMORY, type InMemory } from "../harness/in_memory.ts";
import {
  type ImportTime,
  measureImport,
  measureInMemory,
} from "../harness/own_results.ts";
import type { OwnResult } from "./results.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * Processes for each number, of which the least counts: what else a machine does adds
 * to the time of a computation, and never takes from it.
 */
const TURNS = 7;
/** Of imports as many in each turn: they are that short. */
const IMPORTS = 5;

/** Measures what needs no load, once. */
export async function measureOwn(): Promise<Record<string, number>> {
  const turns: Times[] = [];
  // In turn, as a machine may be slow for seconds.
  for (let turn = 0; turn < TURNS; turn++) turns.push(await measureTurn());
  const least = (name: keyof Times) =>
    Math.min(...turns.map((times) => times[name]));
  return {
    decode: 1_000 / least("lengthPrefixed"),
    lines: least("textLineStream") / least("lines"),
    search: least("searchLong") / least("searchShort"),
    import: least("full") - least("empty"),
  };
}

type Times = InMemory & ImportTime;

async function measureTurn(): Promise<Times> {
  const nanos = {} as InMemory;
  for (const name of IN_MEMORY) nanos[name] = await measureInMemory(ROOT, name);
  const millis = await measureImport(new URL("mod.ts", ROOT), IMPORTS);
  return { ...nanos, ...millis };
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
