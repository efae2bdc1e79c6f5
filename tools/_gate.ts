import config from "../deno.json" with { type: "json" };
import { runDeno } from "./_command.ts";
import type { StdSource } from "./_std.ts";

/** One step of the gate: a name, how to run it again, and how it went. */
interface Step {
  name: string;
  again: string;
  run: () => Promise<number>;
}

/**
 * `deno task check`: all that needs no test to run, in the order in which it is
 * cheapest to fail.
 */
export function check(std: StdSource): Promise<number> {
  return runSteps("check", staticSteps(std));
}

/**
 * `deno task ok`: the gate that is green before each commit.
 *
 * @param std Where `@std/*` comes from.
 * @param test Runs every test, documentation examples included.
 */
export function ok(
  std: StdSource,
  test: (args: string[], std: StdSource) => Promise<number>,
): Promise<number> {
  return runSteps("ok", [
    ...staticSteps(std),
    {
      name: "test",
      again: "deno task test",
      // Their types have been checked.
      run: () => test(["--no-check"], std),
    },
    denoStep("publish", ["publish", "--dry-run", "--allow-dirty"], std),
  ]);
}

/** What has Deno's types. docs/.vitepress has a browser's, and is checked by its own tests. */
const FOLDERS = [
  "mod.ts",
  "bench",
  "docs/tutorial",
  "examples",
  "lib",
  "tests",
  "tools",
];

/** Whose examples are tests. */
const GUIDES = config.test.include.filter((path) => path.endsWith(".md"));

function staticSteps(std: StdSource): Step[] {
  return [
    denoStep("fmt", ["fmt", "--check"], std),
    denoStep("lint", ["lint"], std),
    // The library prints nothing; tests, tools and examples may.
    denoStep("lint lib", [
      "lint",
      "--rules-include=no-console",
      "mod.ts",
      "lib",
    ], std),
    denoStep("types", ["check", "--doc", ...FOLDERS, ...GUIDES], std),
    denoStep("doc", ["doc", "--lint", ...Object.values(config.exports)], std),
  ];
}

function denoStep(name: string, args: string[], std: StdSource): Step {
  return {
    name,
    again: std === "npm" && args[0] === "check"
      ? `deno check --import-map=tools/std/import_map.json ${
        args.slice(1).join(" ")
      }`
      : `deno ${args.join(" ")}`,
    run: async () => (await runDeno(args, { std })).code,
  };
}

async function runSteps(gate: string, steps: Step[]): Promise<number> {
  for (const { name, again, run } of steps) {
    console.log(`\n== ${name}`);
    const started = performance.now();
    const code = await run();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (code !== 0) {
      console.error(
        `\n${gate}: ${name} failed after ${seconds} s. Run it again with: ${again}`,
      );
      return code;
    }
    console.log(`== ${name}: good, ${seconds} s`);
  }
  console.log(`\n${gate}: all ${steps.length} steps are good`);
  return 0;
}
