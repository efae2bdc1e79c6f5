/**
 * How much memory an example takes, as the system counts it.
 *
 * @module
 */

import type { Example } from "./_example.ts";

/** Whether the system tells: Linux does, in a file. */
export const tellsMemory = Deno.build.os === "linux";

/** The megabytes that an example has in memory now. */
export function residentMegabytes({ pid }: Example): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/** The most megabytes that it ever had in memory. */
export function peakMegabytes({ pid }: Example): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
}
