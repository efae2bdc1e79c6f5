import { cost, delay, type Figure, memory, own, speed } from "./figures.ts";

/** One server against another one, or against a number. */
export interface Target {
  title: string;
  atMost?: number;
  atLeast?: number;
  figure: Figure;
  /** The same of the least that does the job on Deno, where that is measured. */
  floor?: Figure;
}

/** What the project holds itself to: ratios, where it can be. */
export const TARGETS: readonly Target[] = [
  {
    title:
      "Echo, 1 frame at a time: CPU per frame against a raw Deno read/write loop",
    atMost: 1.10,
    figure: cost("echo-1", "sluice", "deno-raw"),
    floor: cost("echo-1", "deno-framed", "deno-raw"),
  },
  {
    title: "Echo, 16 at a time, for await: CPU per frame against Go bufio",
    atMost: 1.0,
    figure: cost("echo-16", "sluice", "go"),
    floor: cost("echo-16", "deno-awaited", "go"),
  },
  {
    title: "Echo, 128 at a time, batches: CPU per frame against Go bufio",
    atMost: 1.0,
    figure: cost("echo-128", "sluice-batches", "go"),
    floor: cost("echo-128", "deno-framed", "go"),
  },
  {
    title: "Echo, 128 at a time, for await: CPU per frame against Bun by hand",
    atMost: 1.0,
    figure: cost("echo-128", "sluice", "bun"),
    floor: cost("echo-128", "deno-awaited", "bun"),
  },
  {
    title: "16 KiB frames: CPU per frame against Bun by hand",
    atMost: 1.0,
    figure: cost("echo-16k", "sluice", "bun"),
    floor: cost("echo-16k", "deno-framed", "bun"),
  },
  {
    title:
      "One-way bulk, readInto: speed against a raw loop with a reused buffer",
    atLeast: 0.95,
    figure: speed("bulk", "sluice", "deno-raw"),
  },
  {
    title: "One-way bulk, socket.readable: speed against conn.readable",
    atLeast: 1.5,
    figure: speed("bulk", "sluice-readable", "deno-readable"),
  },
  {
    title:
      "An idle connection with an idle limit armed, after a minute of silence, KiB",
    atMost: 9,
    figure: memory("idle-minute", "sluice-idle"),
    floor: memory("idle-minute", "deno-idle"),
  },
  {
    title:
      "An idle connection with all limits armed, 2 s after it was opened, KiB",
    atMost: 9,
    figure: memory("idle", "sluice-limits"),
    floor: memory("idle", "deno-idle"),
  },
  {
    title: "All limits armed: CPU per frame against none, 1 frame at a time",
    atMost: 1.03,
    figure: cost("echo-1", "sluice-limits", "sluice"),
  },
  {
    title: "Telemetry: CPU per frame against none, 1 frame at a time",
    atMost: 1.02,
    figure: cost("echo-1", "sluice-telemetry", "sluice"),
  },
  {
    title:
      "Connect, echo, close: CPU per connection against a raw loop that survives",
    atMost: 1.15,
    figure: cost("churn", "sluice", "deno-raw"),
  },
  {
    title:
      "Fan-out of 64-byte frames, 1 at a time: CPU per delivery against a raw loop of conn.write",
    atMost: 1.15,
    figure: cost("fan-out", "sluice", "deno-raw"),
  },
  ...(["Bun", "Node"] as const).flatMap((runtime) =>
    ([["fan-out", "1"], ["fan-out-16", "16"]] as const).map((
      [scenario, count],
    ): Target => ({
      title:
        `Fan-out of 64-byte frames, ${count} at a time: CPU per delivery against ${runtime}`,
      atMost: 1.0,
      figure: cost(scenario, "sluice", runtime.toLowerCase()),
      floor: cost(scenario, "deno-raw", runtime.toLowerCase()),
    }))
  ),
  {
    title:
      "Fan-out to members of whom 10 read nothing: time to the rest against none",
    atMost: 1.05,
    figure: delay("sluice", "fan-out-silent", "fan-out-4k-16"),
  },
  ...(["Deno", "Node"] as const).map((runtime): Target => ({
    title: `Clients of Redis: CPU per request against ioredis on ${runtime}`,
    atMost: 0.67,
    figure: cost("redis-get", "sluice", `ioredis-${runtime.toLowerCase()}`),
  })),
  {
    title: "Decoding 64-byte frames in memory, million a second",
    atLeast: 10,
    figure: own("decode"),
  },
  {
    title: "Decoding lines in memory: speed against TextLineStream",
    atLeast: 5,
    figure: own("lines"),
  },
  {
    title:
      "Time per byte of a line that comes a byte at a time: 256 KiB against 16 KiB",
    atMost: 1.5,
    figure: own("search"),
  },
  {
    title: "Importing mod.ts over an empty program, ms",
    atMost: 15,
    figure: own("import"),
  },
];
