import { toOwnClock } from "./_clock.ts";
import { connect, openAll } from "./_connections.ts";
import { exchange, makeFrames, makePiece } from "./_frames.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./_load.ts";
import type { LoadSpec } from "./spec.ts";

/** Sends `depth` frames on each connection, waits for their echo, again. */
export async function prepareEcho(spec: LoadSpec): Promise<Load> {
  const { port, connections, depth, payloadBytes } = spec;
  const batch = makeFrames(depth, payloadBytes);
  const conns = await openAll(port, connections, greet);
  return async (window) => {
    const { fromMs, untilMs } = toOwnClock(window);
    const latency = new Histogram();
    let units = 0;
    await Promise.all(conns.map(async (conn) => {
      const piece = makePiece(batch);
      let start = performance.now();
      while (true) {
        await exchange(conn, batch, piece);
        const end = performance.now();
        if (end >= untilMs) break;
        if (end >= fromMs) {
          units += depth;
          latency.add(end - start);
        }
        start = end;
      }
    }));
    return { units, latency: latency.toJSON() };
  };
}

/** Connects, sends one frame, waits for its echo, closes, again. */
export function prepareChurn(spec: LoadSpec): Load {
  const { port, connections, payloadBytes } = spec;
  const batch = makeFrames(1, payloadBytes);
  return async (window) => {
    const { fromMs, untilMs } = toOwnClock(window);
    const latency = new Histogram();
    let units = 0;
    const loop = async () => {
      const piece = makePiece(batch);
      while (true) {
        const start = performance.now();
        if (start >= untilMs) break;
        const conn = await connect(port);
        await exchange(conn, batch, piece);
        conn.close();
        const end = performance.now();
        if (end >= fromMs && end < untilMs) {
          units++;
          latency.add(end - start);
        }
      }
    };
    await Promise.all(Array.from({ length: connections }, loop));
    return { units, latency: latency.toJSON() };
  };
}

/** One echo on each connection, then silence; another one says that they are still there. */
export async function prepareHold(spec: LoadSpec): Promise<Load> {
  const conns = await openAll(spec.port, spec.connections, greet);
  return async () => {
    for (const conn of conns) await greet(conn);
    return { units: conns.length, latency: [] };
  };
}

const GREETING = makeFrames(1, 1);

/** One small echo: the server has accepted, and its handler runs. */
async function greet(conn: Deno.Conn): Promise<void> {
  await exchange(conn, GREETING, makePiece(GREETING));
}
