/**
 * The conventions of OpenTelemetry that all parts of `lib/` follow with their instruments:
 * names of attributes, and units and bounds of histograms.
 *
 * It is apart from `telemetry.ts`, which calls the API and knows no address. The parts
 * that may import that one may import it.
 *
 * @see {@link https://opentelemetry.io/docs/specs/semconv/}
 *
 * @module
 */

import type { Addr } from "./addr.ts";
import type { Attributes } from "./telemetry.ts";

/** Which way bytes went. */
export const RECEIVED: Attributes = { "network.io.direction": "receive" };
/** The other one. */
export const SENT: Attributes = { "network.io.direction": "transmit" };

/** Bounds of a histogram of connections: from a request to a day, in seconds. */
export const CONNECTION_BOUNDS: readonly number[] = [
  0.01,
  0.05,
  0.1,
  0.5,
  1,
  5,
  10,
  60,
  300,
  1_800,
  3_600,
  21_600,
  86_400,
];
/** Bounds of a histogram of what a caller waits for, in seconds. */
export const WAIT_BOUNDS: readonly number[] = [
  0.001,
  0.005,
  0.01,
  0.05,
  0.1,
  0.5,
  1,
  5,
  10,
];

/** Seconds since `startMs`, by `performance.now`. */
export function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000;
}

/** The server of a connection, or of many: how and where it is reached. */
export function serverAttributes(addr: Addr): Attributes {
  const transport = { "network.transport": addr.transport };
  return { ...transport, ...addressAttributes("server", addr) };
}

/** Where a server or a client is. A port that is not known yet, 0, is left out. */
export function addressAttributes(
  who: "server" | "client",
  addr: Addr,
): Attributes {
  if ("hostname" in addr) {
    const { hostname, port } = addr;
    const address = { [`${who}.address`]: hostname };
    return port === 0 ? address : { ...address, [`${who}.port`]: port };
  }
  const name = "path" in addr ? addr.path : "name" in addr ? addr.name : "";
  return name ? { [`${who}.address`]: name } : {};
}

/** What a series of an error is called: few values, as each is a series of its own. */
export function errorType(error: unknown): string {
  try {
    if (!(error instanceof Error)) return "_OTHER";
    const { code } = error as { code?: unknown };
    return typeof code === "string" ? code : String(error.name);
  } catch {
    // One that throws when it is looked at.
    return "_OTHER";
  }
}
