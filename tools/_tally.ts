/** How many tests passed and failed. */
export interface Tally {
  passed: number;
  failed: number;
}

/**
 * Reads the counts off what `deno test` printed.
 *
 * Its report file would be easier to read, but it leaves out a test file that
 * threw while it was loading, and so would count a broken run as a good one. For
 * the same reason a run that failed counts at least one failure.
 *
 * @param output What it printed on standard output, colored or not.
 * @param code Its exit code.
 */
export function tallyTests(output: string, code: number): Tally {
  const summaries = [...plain(output).matchAll(SUMMARY)];
  // A test may itself print the output of another `deno test`: the last counts.
  const groups = summaries.at(-1)?.groups;
  const passed = Number(groups?.passed ?? 0);
  const failed = Number(groups?.failed ?? 0);
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}

/** The line that ends every run of tests: `12 passed, 0 failed`. */
export function formatTally({ passed, failed }: Tally): string {
  return `${passed} passed, ${failed} failed`;
}

const SUMMARY =
  /^(?:ok|FAILED) \| (?<passed>\d+) passed(?: \(\d+ steps?\))? \| (?<failed>\d+) failed/gm;

function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "");
}
