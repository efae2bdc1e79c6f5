/**
 * Runs the tasks of deno.json, on networks with JSR and without.
 *
 * ```sh
 * deno task test tests/codec   # same as: deno run … tools/run.ts test tests/codec
 * SLUICE_STD=npm deno task ok  # do not ask JSR at all
 * ```
 *
 * @module
 */
import { runDeno, shown } from "./_command.ts";
import { check, ok } from "./_gate.ts";
import { updateExports } from "./_exports.ts";
import { updateOptions } from "./_options.ts";
import { updatePreload } from "./_preload.ts";
import { runExample } from "./_examples.ts";
import { findStdSource, type StdSource } from "./_std.ts";
import { formatTally, tallyTests } from "./_tally.ts";

/** A task takes the rest of the command line and gives an exit code. */
type Task = (args: string[], std: StdSource) => Promise<number>;

const TASKS: Record<string, Task> = {
  test,
  bench: async (args, std) =>
    (await runDeno(
      ["bench", "--v8-flags=--expose-gc", "--allow-all", ...args],
      { std },
    )).code,
  "bench:peers": runProgram("bench/peers/main.ts"),
  "bench:compare": runProgram("bench/compare/main.ts"),
  site: runProgram("tools/site/main.ts"),
  "site:pictures": withoutArguments((std) =>
    runProgram("tools/site/pictures.ts")([], std)
  ),
  check: withoutArguments(check),
  ok: withoutArguments((std) => ok(std, test)),
  examples: runExample,
  "exports:update": withoutArguments(updateExports),
  "preload:update": withoutArguments(updatePreload),
  "options:update": withoutArguments(updateOptions),
};

/** A task that takes no arguments: what it was not told to do is not done. */
function withoutArguments(task: (std: StdSource) => Promise<number>): Task {
  return async (args, std) => {
    if (args.length === 0) return await task(std);
    console.error(
      `Cannot run the task: it must have no arguments, got ${shown(args[0])}`,
    );
    return 2;
  };
}

function runProgram(file: string): Task {
  return async (args, std) =>
    (await runDeno(["run", "--allow-all", file, ...args], { std })).code;
}

async function test(args: string[], std: StdSource): Promise<number> {
  const { code, output } = await runDeno(
    ["test", "--allow-all", "--doc", "--parallel", ...args],
    { std, capture: true },
  );
  const tally = tallyTests(output, code);
  console.log(formatTally(tally));
  return tally.failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  const [name, ...args] = Deno.args;
  const task = TASKS[name];
  if (task === undefined) {
    console.error(
      `Cannot run a task: its name must be one of ${
        Object.keys(TASKS).join(", ")
      }, got ${shown(name ?? "none")}`,
    );
    Deno.exit(2);
  }
  Deno.exit(await task(args, await findStdSource()));
}
