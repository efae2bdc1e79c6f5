/**
 * The throughput probe: one monitor asks another for bytes, and times them.
 *
 * ```text
 * PROBE 1000\n   ->
 *                <-   OK 1000\n and 1,000 bytes, or ERROR and why
 * ```
 *
 * A line of text each way, so that `nc` can ask as well.
 *
 * @module
 */

import {
  connect,
  type ConnectOptions,
  Deadline,
  serve,
  type Server,
  UnexpectedEofError,
} from "@sluice/net";
import { PendingConnections } from "../_pending_connections.ts";
import { CheckFailed } from "./_outcome.ts";
import { MAX_PROBE_BYTES } from "./config.ts";

const BLOCK = new Uint8Array(64 * 1024);

/** Answers the probes of other monitors, a few at a time. */
export function serveProbe(
  address: { hostname: string; port: number },
): Server<Deno.NetAddr>;
/** Answers them on a port or on a Unix socket. */
export function serveProbe(
  address: { hostname: string; port: number } | { path: string },
): Server;
export function serveProbe(
  address: { hostname: string; port: number } | { path: string },
): Server {
  // It sends up to 64 MiB for a line of a few bytes: not to all who ask at once.
  const pending = new PendingConnections({ timeoutMs: 3_000, max: 2 });
  return serve({
    ...address,
    maxConnections: 16,
    maxConnectionsPerAddress: 10,
    onLimit: "reject",
    writeMs: 10_000, // A client that asks and does not read loses its place.
    shutdownTimeoutMs: 1_000,
    // A probe that hangs up is not worth a line on the monitor's screen.
    onError: () => {},
  }, async (socket) => {
    using question = pending.add(socket);
    const line = await socket.readLine({ maxBytes: 64 });
    question[Symbol.dispose]();
    const bytes = Number(/^PROBE (\d{1,9})$/.exec(line ?? "")?.[1]);
    if (!(bytes >= 1 && bytes <= MAX_PROBE_BYTES)) {
      await socket.write(`ERROR ask: PROBE and 1 to ${MAX_PROBE_BYTES}\n`);
      return;
    }
    await socket.write(`OK ${bytes}\n`);
    for (let left = bytes; left > 0; left -= BLOCK.length) {
      await socket.write(BLOCK.subarray(0, left));
    }
  });
}

/** How much to ask for, and for how long to wait. */
export interface ProbeOptions {
  /** Bytes to transfer. */
  bytes: number;
  /** Longest that all of it may take, in milliseconds. */
  timeoutMs: number;
  /** Cancels it. */
  signal?: AbortSignal;
}

/**
 * Asks another monitor for bytes.
 *
 * @returns Bytes a second, from the question to the last byte.
 * @throws {CheckFailed} What answers is not a monitor.
 * @throws {SocketError} The connection failed, or was too slow.
 */
export async function probe(
  address: ConnectOptions,
  { bytes, timeoutMs, signal }: ProbeOptions,
): Promise<number> {
  using deadline = Deadline.after(timeoutMs, { signal });
  using socket = await connect({ ...address, timeoutMs, signal });
  const started = performance.now();
  await socket.write(`PROBE ${bytes}\n`, { deadline });
  const answer = await socket.readLine({ deadline, maxBytes: 64 });
  if (answer !== `OK ${bytes}`) {
    throw new CheckFailed("what answers there is no probe of a monitor");
  }
  const block = new Uint8Array(64 * 1024);
  let received = 0;
  while (received < bytes) {
    const count = await socket.readInto(block, { deadline });
    if (count === null) {
      throw new UnexpectedEofError(received, bytes, "the probe ended early");
    }
    received += count;
  }
  return bytes / (performance.now() - started) * 1_000;
}
