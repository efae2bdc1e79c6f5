/**
 * Which servers and clients are measured, and in which scenarios.
 *
 * @module
 */

import type { LoadSpec } from "../load/spec.ts";
import type { PeersOptions } from "./options.ts";
import type { RuntimeName } from "./runtimes.ts";

/** What a server can be asked for; or, of a client, what it asks a Redis server for. */
export type Service = "echo" | "sink" | "fanOut" | "redisGet";

/** How a server is written: its file, and its arguments after the port; of a client before it. */
export interface Program {
  label: string;
  file: string;
  args: readonly string[];
  /** Variables of its environment. None by default. */
  env?: Readonly<Record<string, string>>;
}

/** A server on some runtime, or a client. */
export interface Peer {
  id: string;
  runtime: RuntimeName;
  echo?: Program;
  sink?: Program;
  fanOut?: Program;
  redisGet?: Program;
  /** The only scenarios in which it has something to say. */
  only?: readonly string[];
}

function program(label: string, file: string, ...args: string[]): Program {
  return { label, file, args };
}

/** All servers; the first one is what ratios compare with. */
export const PEERS: readonly Peer[] = [
  {
    id: "sluice",
    runtime: "deno",
    echo: program("Sluice, for await", "framed_echo.ts", "iterate"),
    sink: program("Sluice, readInto", "sink.ts", "into"),
    fanOut: program("Sluice, Hub", "fan_out.ts"),
    redisGet: program("Sluice", "../clients/redis_get.ts"),
  },
  {
    id: "sluice-batches",
    runtime: "deno",
    echo: program("Sluice, batches", "framed_echo.ts", "batches"),
  },
  {
    id: "sluice-limits",
    runtime: "deno",
    echo: program(
      "Sluice, all limits armed",
      "framed_echo.ts",
      "iterate",
      "limits",
    ),
    only: ["echo-1", "idle"],
  },
  {
    id: "sluice-telemetry",
    runtime: "deno",
    echo: {
      ...program(
        "Sluice, telemetry",
        "framed_echo.ts",
        "iterate",
        "telemetry",
      ),
      // Deno has OpenTelemetry then. Nothing takes what it would export once a minute.
      env: { OTEL_DENO: "true" },
    },
    only: ["echo-1"],
  },
  {
    id: "sluice-idle",
    runtime: "deno",
    echo: program(
      "Sluice, idle limit armed",
      "framed_echo.ts",
      "iterate",
      "idle",
    ),
    only: ["idle", "idle-minute"],
  },
  {
    id: "sluice-iterate",
    runtime: "deno",
    sink: program("Sluice, for await", "sink.ts", "iterate"),
  },
  {
    id: "sluice-readable",
    runtime: "deno",
    sink: program("Sluice, readable", "sink.ts", "readable"),
  },
  {
    id: "deno-raw",
    runtime: "deno",
    echo: program("Deno.Conn, raw bytes", "raw_echo.ts"),
    sink: program("Deno.Conn, read", "raw_sink.ts", "read"),
    fanOut: program("Deno.Conn, a loop of write", "raw_fan_out.ts"),
  },
  {
    id: "deno-framed",
    runtime: "deno",
    echo: program("Deno.Conn, framed by hand", "raw_framed_echo.ts"),
  },
  {
    id: "deno-awaited",
    runtime: "deno",
    echo: program(
      "Deno.Conn, framed by hand, each frame awaited",
      "raw_framed_echo.ts",
      "await",
    ),
    only: ["echo-16", "echo-128"],
  },
  {
    id: "deno-idle",
    runtime: "deno",
    echo: program("Deno.Conn, raw bytes, 256 at most", "raw_echo.ts", "256"),
    only: ["idle", "idle-minute"],
  },
  {
    id: "deno-readable",
    runtime: "deno",
    sink: program("Deno.Conn, readable", "raw_sink.ts", "readable"),
  },
  {
    id: "deno-node",
    runtime: "deno",
    echo: program("node:net on Deno", "node_net.js", "echo"),
    sink: program("node:net on Deno", "node_net.js", "sink"),
    fanOut: program("node:net on Deno", "node_net.js", "fan-out"),
  },
  {
    id: "node",
    runtime: "node",
    echo: program("Node", "node_net.js", "echo"),
    sink: program("Node", "node_net.js", "sink"),
    fanOut: program("Node, a loop of write", "node_net.js", "fan-out"),
  },
  {
    id: "bun",
    runtime: "bun",
    echo: program("Bun", "bun_listen.js", "echo"),
    sink: program("Bun", "bun_listen.js", "sink"),
    fanOut: program("Bun, a loop of write", "bun_listen.js", "fan-out"),
  },
  {
    id: "asyncio-streams",
    runtime: "python",
    echo: program("asyncio, streams", "asyncio_net.py", "echo", "streams"),
    sink: program("asyncio, streams", "asyncio_net.py", "sink", "streams"),
  },
  {
    id: "asyncio",
    runtime: "python",
    echo: program("asyncio, protocol", "asyncio_net.py", "echo", "protocol"),
    sink: program("asyncio, protocol", "asyncio_net.py", "sink", "protocol"),
  },
  {
    id: "uvloop",
    runtime: "uvloop",
    echo: program(
      "uvloop, protocol",
      "asyncio_net.py",
      "echo",
      "protocol",
      "uvloop",
    ),
    sink: program(
      "uvloop, protocol",
      "asyncio_net.py",
      "sink",
      "protocol",
      "uvloop",
    ),
  },
  {
    id: "go",
    runtime: "go",
    echo: program("Go, bufio", "go_net.go", "echo"),
    sink: program("Go", "go_net.go", "sink"),
    fanOut: program("Go, a channel for each", "go_net.go", "fan-out"),
  },
  ...(["ioredis", "node-redis"] as const).flatMap((library) =>
    (["deno", "node"] as const).map((runtime): Peer => ({
      id: `${library}-${runtime}`,
      runtime: `${runtime}-packages`,
      redisGet: program(
        `${library} on ${runtime === "deno" ? "Deno" : "Node"}`,
        "../clients/redis_get.js",
        library,
      ),
    }))
  ),
];

/** What results are counted in. */
export interface Unit {
  name: string;
  plural: string;
  /** How many frames, connections or bytes it is. */
  size: number;
}

/** What a client does that is measured itself: it makes the load. */
export interface ClientLoad extends Omit<LoadSpec, "port" | "kind"> {
  /** As many callers as `depth` says ask on each connection, and wait for the answer. */
  kind: "requests";
}

/** One thing that servers are measured in, or clients. */
export interface Scenario {
  id: string;
  title: string;
  /** Where it belongs in the report. */
  group: "peers" | "connections" | "sizes";
  service: Service;
  /** What else has to be there. */
  needs?: RuntimeName;
  load: Omit<LoadSpec, "port"> | ClientLoad;
  unit: Unit;
  /** The servers that take part; all with this service by default. */
  peers?: readonly string[];
  /** Silence before the memory is looked at, where that is not the usual one. */
  silenceMs?: number;
  /** Measured once, not every round: a shape and not a verdict, or as good as constant. */
  once?: boolean;
}

const FRAME: Unit = { name: "frame", plural: "frames", size: 1 };
const REQUEST: Unit = { name: "request", plural: "requests", size: 1 };
const DELIVERY: Unit = { name: "delivery", plural: "deliveries", size: 1 };
const CONNECTION: Unit = { name: "connection", plural: "connections", size: 1 };
const MIB: Unit = { name: "MiB", plural: "MiB", size: 1024 * 1024 };
const KIB: Unit = { name: "KiB", plural: "KiB", size: 1024 };

const SCALING_PEERS = ["sluice", "deno-raw", "bun", "go"];
/** A minute each: only what one may want to compare. */
const SILENT_PEERS = [
  "sluice-idle",
  "deno-idle",
  "deno-node",
  "node",
  "bun",
  "go",
];

/** Members of a fan-out that read nothing. */
const SILENT_MEMBERS = 10;

/** The scenarios, as large as the options allow. */
export function makeScenarios(
  { connections, members, idleConnections, silenceMs, largest }: PeersOptions,
): Scenario[] {
  const echo = {
    kind: "echo",
    connections,
    depth: 1,
    payloadBytes: 64,
  } as const;
  const base = { group: "peers", service: "echo", unit: FRAME } as const;
  const fanOut = {
    kind: "fan-out",
    connections: members,
    depth: 1,
    payloadBytes: 64,
  } as const;
  const all = members.toLocaleString("en-US");
  // What a member that does not read can hold is soon full.
  const many = { ...fanOut, depth: 16, payloadBytes: 4 * 1024 };
  const toAll = (
    id: string,
    what: string,
    load: Omit<LoadSpec, "port">,
  ): Scenario => ({
    ...base,
    id,
    title: `Fan-out of ${what} to ${all} connections` +
      (load.silent === undefined
        ? ""
        : `, ${load.silent} of which read nothing`),
    service: "fanOut",
    load,
    unit: DELIVERY,
  });
  const scaling = {
    service: "echo",
    unit: FRAME,
    peers: SCALING_PEERS,
    once: true,
  } as const;
  return [
    ...[1, 16, 128].map((depth): Scenario => ({
      ...base,
      id: `echo-${depth}`,
      title: `Echo of 64-byte frames, ${depth} at a time`,
      load: { ...echo, depth },
    })),
    {
      ...base,
      id: "echo-16k",
      title: "Echo of 16 KiB frames, one at a time",
      load: { ...echo, payloadBytes: 16 * 1024 },
    },
    {
      ...base,
      id: "bulk",
      title: "One-way bulk",
      service: "sink",
      load: { ...echo, kind: "bulk", connections: 4 },
      unit: MIB,
    },
    {
      ...base,
      id: "churn",
      title: "Connect, one echo, close",
      load: { ...echo, kind: "churn" },
      unit: CONNECTION,
    },
    {
      ...base,
      id: "idle",
      title: `${idleConnections.toLocaleString("en-US")} idle connections`,
      load: { ...echo, kind: "hold", connections: idleConnections },
      unit: CONNECTION,
    },
    {
      ...base,
      id: "idle-minute",
      title: `${idleConnections.toLocaleString("en-US")} connections after ${
        silenceMs / 1000
      } s of silence`,
      load: { ...echo, kind: "hold", connections: idleConnections },
      unit: CONNECTION,
      peers: SILENT_PEERS,
      silenceMs,
      once: true,
    },
    {
      ...base,
      id: "stalled",
      title: "In flight to a client that does not read",
      load: { kind: "stall", connections: 20, depth: 64, payloadBytes: 1024 },
      unit: KIB,
      once: true,
    },
    toAll("fan-out", "64-byte frames, 1 at a time", fanOut),
    toAll("fan-out-16", "64-byte frames, 16 at a time", {
      ...fanOut,
      depth: 16,
    }),
    toAll("fan-out-4k", "4 KiB frames, 1 at a time", {
      ...fanOut,
      payloadBytes: 4 * 1024,
    }),
    toAll("fan-out-4k-16", "4 KiB frames, 16 at a time", many),
    toAll("fan-out-silent", "4 KiB frames, 16 at a time", {
      ...many,
      silent: SILENT_MEMBERS,
    }),
    {
      ...base,
      id: "redis-get",
      title: `Clients of Redis: GET, ${connections} callers on one connection`,
      service: "redisGet",
      needs: "redis-server",
      load: {
        kind: "requests",
        connections: 1,
        depth: connections,
        payloadBytes: 64,
      },
      unit: REQUEST,
    },
    ...[1, 10, 100, 1_000, 10_000]
      .filter((count) => count <= largest.connections)
      .map((count): Scenario => ({
        ...scaling,
        id: `connections-${count}`,
        title: count.toLocaleString("en-US"),
        group: "connections",
        load: { ...echo, connections: count },
      })),
    ...[4, 8, 12, 16, 20, 24]
      .map((power) => 2 ** power)
      .filter((size) => size <= largest.payloadBytes)
      .map((size): Scenario => ({
        ...scaling,
        id: `size-${size}`,
        title: formatBytes(size),
        group: "sizes",
        load: {
          ...echo,
          payloadBytes: size,
          connections: atOnce(size, connections),
        },
      })),
  ];
}

/** Fewer connections for large frames: at most 64 MiB are on their way. */
function atOnce(size: number, connections: number): number {
  return Math.max(2, Math.min(connections, 64 * 1024 * 1024 / size));
}

/** `16 B`, `4 KiB`, `1 MiB`. */
export function formatBytes(count: number): string {
  const power = Math.min(2, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  return `${count / 1024 ** power} ${["B", "KiB", "MiB"][power]}`;
}

/** The servers that take part in a scenario, in the order of {@linkcode PEERS}. */
export function peersOf({ id, service, peers }: Scenario): Peer[] {
  return PEERS.filter((peer) =>
    peer[service] !== undefined &&
    (peers === undefined || peers.includes(peer.id)) &&
    (peer.only === undefined || peer.only.includes(id))
  );
}
