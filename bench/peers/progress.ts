import { number } from "../harness/format.ts";
import type { Measurement } from "../harness/measure.ts";
import { mainMetric, type ScenarioResults } from "./results.ts";
import type { Progress } from "./step.ts";

/** Tells standard error what is measured, what came of it and how long it will take. */
export function printProgress(): Progress {
  const start = performance.now();
  return {
    begin({ index, count, round, results, row }) {
      const passed = performance.now() - start;
      const left = index > 1 ? passed / (index - 1) * (count - index + 1) : NaN;
      const time = Number.isNaN(left) ? "" : `, ${formatLeft(left)} left`;
      const text = `[${index}/${count}${time}] round ${round + 1}, ` +
        `${results.id}: ${row.label} ... `;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    },
    end({ results }, outcome) {
      console.error(
        outcome instanceof Error
          ? `failed: ${outcome.message}`
          : describe(results, outcome),
      );
    },
  };
}

/** `12 min` or `40 s`. */
export function formatLeft(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** What a measurement came to, in a few words. */
function describe(
  { kind, unit: { name, plural } }: ScenarioResults,
  outcome: Measurement,
): string {
  const metric = mainMetric(kind, outcome.cpuMicros !== undefined);
  const digits = number(outcome[metric] ?? NaN);
  const rate = Math.round(outcome.rate).toLocaleString("en-US");
  if (metric === "cpuMicros") {
    return `${digits} µs of CPU a ${name}, ${rate} a second`;
  }
  if (metric === "residentKiB") return `${digits} KiB a ${name}`;
  return `${rate} ${plural} ${kind === "stall" ? "in flight" : "a second"}`;
}
