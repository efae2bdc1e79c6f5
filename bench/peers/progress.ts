import { number } from "../harness/format.ts";
import type { Measurement } from "../harness/measure.ts";
import { mainMetric, type ScenarioResults } from "./results.ts";
import type { Progress, Step } from "./step.ts";

/** Tells standard error what is measured, what came of it and how long it will take. */
export function printProgress(mostRounds: number): Progress {
  const start = performance.now();
  const formatPlace = ({ index, count }: NonNullable<Step["place"]>) => {
    const passed = performance.now() - start;
    const left = passed / (index - 1) * (count - index + 1);
    return index === 1
      ? `[${index}/${count}]`
      : `[${index}/${count}, ${formatLeft(left)} left]`;
  };
  return {
    begin({ place, round, results, row }) {
      const where = place ? `${formatPlace(place)} round ${round + 1},` : " ";
      const text = `${where} ${results.id}: ${row.label} ... `;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    },
    goOn(title, round) {
      console.error(
        `too close, round ${round + 1} of ${mostRounds} at most: ${title}`,
      );
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
