import { Buffer } from "node:buffer";
import { toOwnClock } from "./_clock.ts";
import { openAll } from "./_connections.ts";
import { makeFrames, makePiece } from "./_frames.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./_load.ts";
import type { LoadSpec } from "./spec.ts";

/** One sends, and all but the silent ones read what it sent, byte by byte the same. */
export async function prepareFanOut(spec: LoadSpec): Promise<Load> {
  const { port, connections, depth, payloadBytes, silent = 0 } = spec;
  const batch = makeFrames(depth, payloadBytes);
  const conns = await openAll(port, connections, () => Promise.resolve());
  const readers = conns.slice(silent);
  // Servers accept in order: when its frames are read, all others have been let in.
  const publisher = conns[conns.length - 1];
  let missing = 0;
  let arrived = Promise.withResolvers<void>();
  for (const conn of readers) {
    follow(conn, batch, () => {
      if (--missing === 0) arrived.resolve();
    }).catch((error) => arrived.reject(error));
  }

  async function publish(): Promise<void> {
    missing = readers.length;
    arrived = Promise.withResolvers();
    await writeAll(publisher, batch);
    await arrived.promise;
  }

  return async (window) => {
    const { fromMs, untilMs } = toOwnClock(window);
    const latency = new Histogram();
    let units = 0;
    let start = performance.now();
    while (true) {
      await publish();
      const end = performance.now();
      if (end >= untilMs) break;
      if (end >= fromMs) {
        units += depth * readers.length;
        latency.add(end - start);
      }
      start = end;
    }
    return { units, latency: latency.toJSON() };
  };
}

/** Reads one batch after the other. */
async function follow(
  conn: Deno.Conn,
  batch: Uint8Array,
  onBatch: () => void,
): Promise<void> {
  const piece = makePiece(batch);
  let at = 0;
  while (true) {
    // No more than this batch: the next one is sent when all have this one.
    const count = await conn.read(piece);
    if (count === null) throw new Error("the server closed");
    const came = piece.subarray(0, count);
    if (Buffer.compare(came, batch.subarray(at, at + count)) !== 0) {
      throw new Error(`what came differs within ${count} bytes after ${at}`);
    }
    at += count;
    if (at < batch.length) continue;
    at = 0;
    onBatch();
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let sent = await conn.write(bytes);
  while (sent < bytes.length) sent += await conn.write(bytes.subarray(sent));
}
