/**
 * Compares the working tree with another revision, in fresh processes and alternating
 * order: `deno task bench:compare REV`. `--help` lists the options.
 *
 * @module
 */

import { endChildrenWithUs } from "../harness/child_process.ts";
import { isClear, ratiosOf, summarize } from "../harness/statistics.ts";
import { number, table } from "../harness/format.ts";
import { makeCheckouts } from "./checkouts.ts";
import { type CompareOptions, parseCompareOptions, USAGE } from "./options.ts";
import { type Subject, SUBJECTS } from "./subjects.ts";

const ROOT = new URL("../../", import.meta.url);

/** Both sides of a subject, one value a round; undefined where it failed. */
interface Pairs {
  base: (number | undefined)[];
  work: (number | undefined)[];
}

function chooseSubjects(only: string[]): readonly Subject[] {
  const known = SUBJECTS.map(({ id }) => id);
  const stranger = only.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new RangeError(
      `Cannot compare: --only must be among ${
        known.join(", ")
      }, got ${stranger}`,
    );
  }
  return SUBJECTS.filter(({ id }) => only.length === 0 || only.includes(id));
}

async function compare(
  roots: Record<keyof Pairs, URL>,
  subjects: readonly Subject[],
  options: CompareOptions,
): Promise<Pairs[]> {
  const all = subjects.map((): Pairs => ({ base: [], work: [] }));
  for (let round = 0; round < options.rounds; round++) {
    const sides: (keyof Pairs)[] = round % 2 === 0
      ? ["base", "work"]
      : ["work", "base"];
    for (const [index, subject] of subjects.entries()) {
      for (const side of sides) {
        const value = await measureSafely(subject, roots[side], options);
        all[index][side].push(value);
        const shown = value === undefined
          ? "failed"
          : `${number(value)} ${subject.unit}`;
        console.error(
          `[${round + 1}/${options.rounds}] ${subject.id}, ${side}: ${shown}`,
        );
      }
    }
  }
  return all;
}

async function measureSafely(
  subject: Subject,
  root: URL,
  options: CompareOptions,
): Promise<number | undefined> {
  try {
    return await subject.measure(root, options);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}

/** What ratios say, if chance alone would say it once in twenty runs or less. */
export function verdict(ratios: readonly number[]): string {
  if (!isClear(ratios)) return "no difference seen";
  return summarize(ratios).median < 1 ? "**better**" : "**worse**";
}

function middle(values: (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? "failed" : number(summarize(known).median);
}

/** A row for each subject: both medians, and the ratio of each round. */
export function formatComparison(
  subjects: readonly Pick<Subject, "id" | "unit">[],
  all: readonly Pairs[],
  commit: string,
): string {
  return table(
    [
      "what",
      "unit",
      commit.slice(0, 10),
      "working tree",
      "ratio",
      "least to most",
      "",
    ],
    subjects.map(({ id, unit }, index) => {
      const { base, work } = all[index];
      const ratios = ratiosOf(work, base);
      const ratio = ratios.length === 0 ? undefined : summarize(ratios);
      return [
        id,
        unit,
        middle(base),
        middle(work),
        ...ratio === undefined ? [] : [
          number(ratio.median),
          `${number(ratio.least)} to ${number(ratio.most)}`,
          verdict(ratios),
        ],
      ];
    }),
  );
}

async function main(args: string[]): Promise<number> {
  const options = parseCompareOptions(args);
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  const subjects = chooseSubjects(options.only);
  endChildrenWithUs();
  using checkouts = await makeCheckouts(ROOT, options.revision);
  const all = await compare(checkouts.roots, subjects, options);
  console.log(
    `Working tree against ${options.revision}; less is better, below 1 the working tree is.\n`,
  );
  console.log(formatComparison(subjects, all, checkouts.commit));
  return all.some(({ base, work }) => [...base, ...work].includes(undefined))
    ? 1
    : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
