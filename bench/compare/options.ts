import { parseArgs } from "@std/cli/parse-args";
import { integer } from "../peers/options.ts";

/** How `deno task bench:compare` was asked to run. */
export interface CompareOptions {
  /** What the working tree is compared with. */
  revision: string;
  /** Pairs of measurements. */
  rounds: number;
  /** Measured time. */
  measureMs: number;
  /** Time before it. */
  warmupMs: number;
  /** What to measure; empty for all. */
  only: string[];
}

/** What `--help` says. */
export const USAGE = `Compares the working tree with another revision.

Usage: deno task bench:compare REV [options]

  --rounds N      Pairs of measurements, in alternating order (7)
  --seconds N     Measured time of each (1)
  --only NAMES    What to measure, with commas between (echo-1,bulk)
  --help          Print this
`;

const STRINGS = ["rounds", "seconds", "only"] as const;

/**
 * Reads a command line.
 *
 * @returns The options, or `"help"`.
 * @throws {RangeError} The revision is missing; an option is unknown without its value or out of
 *   range.
 */
export function parseCompareOptions(args: string[]): CompareOptions | "help" {
  const parsed = parseArgs(args, {
    string: [...STRINGS, "_"],
    boolean: ["help"],
    unknown: (name, key) => {
      if (key === undefined) return;
      throw new RangeError(
        `Cannot compare: ${name} must be an option that --help names`,
      );
    },
  });
  if (parsed.help) return "help";
  const revisions = parsed._.map(String);
  if (revisions.length !== 1) {
    throw new RangeError(
      `Cannot compare: REV must be one revision, got ${
        revisions.join(" ") || "none"
      }`,
    );
  }
  for (const name of STRINGS) {
    if (parsed[name] !== "") continue;
    throw new RangeError(
      `Cannot compare: --${name} must be given a value, got nothing`,
    );
  }
  const seconds = integer("--seconds", parsed.seconds ?? "1", 1, 600);
  return {
    revision: revisions[0],
    rounds: integer("--rounds", parsed.rounds ?? "7", 1, 100),
    measureMs: seconds * 1000,
    warmupMs: seconds * 500,
    only: parsed.only?.split(",").filter((name) => name !== "") ?? [],
  };
}
