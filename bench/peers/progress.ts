import { describe, type Progress } from "./run.ts";

/** Tells standard error what is measured, what came of it and how long it will take. */
export function printProgress(): Progress {
  const start = performance.now();
  return {
    begin({ index, count, round, scenario, row }) {
      const passed = performance.now() - start;
      const left = index > 1 ? passed / (index - 1) * (count - index + 1) : NaN;
      const time = Number.isNaN(left) ? "" : `, ${formatLeft(left)} left`;
      const text = `[${index}/${count}${time}] round ${round + 1}, ` +
        `${scenario.id}: ${row.label} ... `;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    },
    end({ scenario }, outcome) {
      console.error(
        outcome instanceof Error
          ? `failed: ${outcome.message}`
          : describe(scenario, outcome),
      );
    },
  };
}

/** `12 min` or `40 s`. */
export function formatLeft(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
