import { toOwnClock } from "./_clock.ts";
import { openAll } from "./_connections.ts";
import { makeFrames } from "./_frames.ts";
import type { Load } from "./_load.ts";
import type { LoadSpec } from "./spec.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Sends zeros as fast as they are taken, then compares the sink's count with its own. */
export async function prepareBulk(spec: LoadSpec): Promise<Load> {
  const conns = await openAll(spec.port, spec.connections, (conn) => {
    return expectCount(conn, 0);
  });
  return async (window) => {
    const { fromMs, untilMs } = toOwnClock(window);
    const zeros = new Uint8Array(CHUNK_BYTES);
    let units = 0;
    await Promise.all(conns.map(async (conn) => {
      // The greeting was one byte.
      let sent = 1;
      while (true) {
        const count = await conn.write(zeros);
        sent += count;
        const now = performance.now();
        if (now >= untilMs) break;
        if (now >= fromMs) units += count;
      }
      await expectCount(conn, sent);
    }));
    return { units, latency: [] };
  };
}

const ASK = new Uint8Array([1]);

/** Asks the sink how many bytes came. */
async function expectCount(conn: Deno.Conn, sent: number): Promise<void> {
  await conn.write(ASK);
  const answer = new Uint8Array(8);
  for (let at = 0; at < answer.length;) {
    const count = await conn.read(answer.subarray(at));
    if (count === null) throw new Error("the server closed");
    at += count;
  }
  const came = Number(new DataView(answer.buffer).getBigUint64(0));
  if (came !== sent + 1) {
    throw new Error(`the server counts ${came} bytes of ${sent + 1}`);
  }
}

/** Nothing has moved for this long: every buffer is full. */
const STILL_MS = 750;
/** A server that took this much buffers without a bound. */
const LIMIT_BYTES = 256 * 1024 * 1024;

/** Sends frames and reads nothing, until nothing moves any more. */
export async function prepareStall(spec: LoadSpec): Promise<Load> {
  const { port, connections, depth, payloadBytes } = spec;
  const frames = makeFrames(depth, payloadBytes);
  const conns = await openAll(port, connections, () => Promise.resolve());
  return async () => {
    let units = 0;
    let movedAt = performance.now();
    const still = Promise.withResolvers<void>();
    for (const conn of conns) {
      pour(conn, frames, (count) => {
        units += count;
        movedAt = performance.now();
        return units < LIMIT_BYTES;
      }).catch(still.reject);
    }
    const timer = setInterval(() => {
      if (performance.now() - movedAt >= STILL_MS) still.resolve();
    }, 50);
    try {
      await still.promise;
    } finally {
      clearInterval(timer);
    }
    return { units, latency: [] };
  };
}

/** Writes the frames again and again, for as long as `onMoved` says. */
async function pour(
  conn: Deno.Conn,
  frames: Uint8Array,
  onMoved: (count: number) => boolean,
): Promise<void> {
  let at = 0;
  while (true) {
    const count = await conn.write(frames.subarray(at));
    at = (at + count) % frames.length;
    if (!onMoved(count)) return;
  }
}
