/**
 * What is compared: each gives one number, and less is better.
 *
 * @module
 */

import { denoCommand, measure } from "../harness/measure.ts";
import type { InMemory } from "../harness/in_memory.ts";
import { measureImport, measureInMemory } from "../harness/own_results.ts";
import type { LoadSpec } from "../load/spec.ts";
import { measureFlood } from "./flood.ts";
import type { CompareOptions } from "./options.ts";

/** Something to measure of a checkout. */
export interface Subject {
  id: string;
  unit: string;
  /** Measures the checkout at `root` in fresh processes. */
  measure(root: URL, options: CompareOptions): Promise<number>;
}

const ECHO = {
  kind: "echo",
  connections: 50,
  depth: 1,
  payloadBytes: 64,
} as const;

/** All of them. */
export const SUBJECTS: readonly Subject[] = [
  ...[1, 16, 128].map((depth) =>
    loaded(`echo-${depth}`, "framed_echo.ts", ["iterate"], { ...ECHO, depth })
  ),
  loaded("batches-128", "framed_echo.ts", ["batches"], { ...ECHO, depth: 128 }),
  loaded("echo-16k", "framed_echo.ts", ["iterate"], {
    ...ECHO,
    payloadBytes: 16 * 1024,
  }),
  loaded("churn", "framed_echo.ts", ["iterate"], { ...ECHO, kind: "churn" }),
  loaded("bulk", "sink.ts", ["into"], {
    ...ECHO,
    kind: "bulk",
    connections: 4,
  }),
  loaded("readable", "sink.ts", ["readable"], {
    ...ECHO,
    kind: "bulk",
    connections: 4,
  }),
  loaded("idle", "framed_echo.ts", ["iterate"], {
    ...ECHO,
    kind: "hold",
    connections: 2_000,
  }),
  ...[5, 16, 64, 16 * 1024].flatMap((bytes) => flooded(bytes)),
  inMemory("decode", "lengthPrefixed"),
  inMemory("lines", "lines"),
  {
    id: "import",
    unit: "ms to import mod.ts",
    async measure(root) {
      const { full, empty } = await measureImport(new URL("mod.ts", root), 5);
      return full - empty;
    },
  },
];

/** A ping beside a flood, and the flood itself. */
function flooded(lineBytes: number): Subject[] {
  const measured = (root: URL, { measureMs }: CompareOptions) =>
    measureFlood(root, "iterate", lineBytes, measureMs);
  return [
    {
      id: `ping-${lineBytes}`,
      unit: "ms, p99",
      measure: async (root, options) => (await measured(root, options)).p99Ms,
    },
    {
      id: `flood-${lineBytes}`,
      unit: "CPU µs per line",
      async measure(root, options) {
        const { cpuMicros, lines } = await measured(root, options);
        return cpuMicros ?? options.measureMs * 1000 / lines;
      },
    },
  ];
}

function loaded(
  id: string,
  file: string,
  args: string[],
  load: Omit<LoadSpec, "port">,
): Subject {
  const isBulk = load.kind === "bulk";
  const units = {
    echo: "CPU µs per frame",
    bulk: "CPU µs per MiB",
    churn: "CPU µs per connection",
    hold: "KiB per connection",
    "fan-out": "CPU µs per delivery",
    stall: "",
  };
  return {
    id,
    unit: units[load.kind],
    async measure(root, { warmupMs, measureMs }) {
      const server = denoCommand(new URL(`bench/servers/${file}`, root), [
        "0",
        ...args,
      ]);
      const { cpuMicros, rate, residentKiB } = await measure(server, {
        load,
        generators: 2,
        warmupMs,
        measureMs,
      });
      // Where the system does not tell CPU times, the time by the clock.
      const micros = cpuMicros ?? 1e6 / rate;
      if (load.kind === "hold") return residentKiB ?? NaN;
      return isBulk ? micros * 1024 * 1024 : micros;
    },
  };
}

function inMemory(id: string, name: keyof InMemory): Subject {
  return {
    id,
    unit: "ns per frame",
    measure: (root) => measureInMemory(root, name),
  };
}
