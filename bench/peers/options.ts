import { parseArgs } from "@std/cli/parse-args";

/** How `deno task bench:peers` was asked to run. */
export interface PeersOptions {
  /** Scenarios and servers to measure; empty for all. */
  only: string[];
  rounds: number;
  /** As far as a run goes for a target that is too close to call. */
  mostRounds: number;
  /** Measured time. */
  measureMs: number;
  /** Time before it. */
  warmupMs: number;
  /** Connections of an echo. */
  connections: number;
  /** Connections of a fan-out. */
  members: number;
  idleConnections: number;
  /** How long they are silent where that matters. */
  silenceMs: number;
  generators: number;
  /** How far the scaling study goes. */
  largest: { connections: number; payloadBytes: number };
  /** Folder for the results; none to print them alone. */
  out?: string;
}

/** What `--help` says. */
export const USAGE =
  `Measures the same servers on every runtime that is installed.

Usage: deno task bench:peers [options]

  --only NAMES       Scenarios and servers, with commas between (echo-16,go,bun)
  --rounds N         Rounds, in alternating order (3)
  --most-rounds N    Rounds until a target that is too close to call is clear, at most
                     (15; as --rounds if --quick or --only)
  --seconds N        Measured time of each server in each round (2)
  --connections N    Connections of an echo (50)
  --generators N     Processes that make the load (2)
  --out FOLDER       Where results go (bench/results; nowhere if --quick or --only)
  --quick            One short round: that it works, not how fast
  --help             Print this
`;

const RESULTS = "bench/results";
const STRINGS = [
  "only",
  "rounds",
  "most-rounds",
  "seconds",
  "connections",
  "generators",
  "out",
] as const;

/**
 * Reads a command line.
 *
 * @param args The arguments.
 * @returns The options, or `"help"`.
 * @throws {RangeError} An option is unknown, missing its value, or out of range.
 */
export function parsePeersOptions(args: string[]): PeersOptions | "help" {
  const parsed = parseArgs(args, {
    string: STRINGS,
    boolean: ["quick", "help"],
    unknown: (name) => {
      throw refuse(name, "an option that --help names");
    },
  });
  if (parsed.help) return "help";
  for (const name of STRINGS) {
    if (parsed[name] === "") {
      throw refuse(`--${name}`, "given a value", "nothing");
    }
  }
  const { quick } = parsed;
  const only = parsed.only?.split(",").filter((name) => name !== "") ?? [];
  const seconds = number(
    "--seconds",
    parsed.seconds ?? (quick ? "0.3" : "2"),
    0.1,
    600,
  );
  const isPart = quick || only.length > 0;
  const rounds = parsed.rounds ?? (quick ? "1" : "3");
  const mostRounds = parsed["most-rounds"] ?? (isPart ? rounds : "15");
  return {
    only,
    rounds: integer("--rounds", rounds, 1, 100),
    mostRounds: integer("--most-rounds", mostRounds, 1, 100),
    measureMs: seconds * 1000,
    warmupMs: seconds * 500,
    connections: integer(
      "--connections",
      parsed.connections ?? (quick ? "10" : "50"),
      1,
      10_000,
    ),
    members: quick ? 20 : 1_000,
    idleConnections: quick ? 200 : 5_000,
    silenceMs: quick ? 1_000 : 60_000,
    generators: integer("--generators", parsed.generators ?? "2", 1, 64),
    largest: quick
      ? { connections: 10, payloadBytes: 4096 }
      : { connections: 10_000, payloadBytes: 16 * 1024 * 1024 },
    out: parsed.out ?? (isPart ? undefined : RESULTS),
  };
}

/**
 * Reads a whole number within bounds.
 *
 * @throws {RangeError} It is none.
 */
export function integer(
  name: string,
  text: string,
  least: number,
  most: number,
): number {
  const value = number(name, text, least, most);
  if (!Number.isInteger(value)) throw refuse(name, "a whole number", text);
  return value;
}

function number(
  name: string,
  text: string,
  least: number,
  most: number,
): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(value >= least && value <= most)) {
    throw refuse(name, `a number from ${least} to ${most}`, text);
  }
  return value;
}

function refuse(name: string, must: string, got?: string): RangeError {
  return new RangeError(
    `Cannot run the benches: ${name} must be ${must}` +
      (got === undefined ? "" : `, got ${got}`),
  );
}
