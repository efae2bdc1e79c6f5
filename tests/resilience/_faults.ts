/**
 * What a client may do to a server: some of it good, most of it not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  connect,
  framed,
  lengthPrefixed,
  type Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import type { Random } from "./_random.ts";
import { garbage, rawClient, readAll, writeAll } from "./_raw_client.ts";
import type { Report } from "./_report.ts";

/** The server's cap. */
export const MAX_FRAME_BYTES = 64 * 1024;

/** A frame that begins with this makes the handler throw. */
export const POISON = 255;

/** What a client needs to know. */
export interface Target {
  readonly port: number;
  readonly random: Random;
  readonly report: Report;
}

/** A client's visit, from connect to end. */
export type Visit = (target: Target) => Promise<void>;

const hostname = "127.0.0.1";

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** Frames of all sizes up to the cap, each of one byte, again and again. */
function frames({ random }: Target, most: number): Uint8Array<ArrayBuffer>[] {
  return Array.from(
    { length: 1 + below(random, most) },
    () =>
      new Uint8Array(1 + Math.floor(random() ** 3 * (MAX_FRAME_BYTES - 1)))
        .fill(below(random, POISON)),
  );
}

function encode(frame: Uint8Array, claimed = frame.length): Uint8Array {
  const bytes = new Uint8Array(4 + frame.length);
  new DataView(bytes.buffer).setUint32(0, claimed);
  bytes.set(frame, 4);
  return bytes;
}

/** Checks an echo: what came back is acknowledged, and had better be the same. */
function check(
  report: Report,
  sent: Uint8Array,
  echo: Uint8Array | null,
): void {
  report.bytesAcknowledged += sent.length;
  const same = echo !== null && echo.length === sent.length &&
    echo.every((byte) => byte === sent[0]);
  if (!same) report.bytesLost += sent.length;
}

async function connected(target: Target): Promise<Socket> {
  target.report.connections++;
  return await connect({ port: target.port, timeoutMs: 20_000 });
}

async function deno({ port, report }: Target): Promise<Deno.TcpConn> {
  report.connections++;
  return await Deno.connect({ hostname, port });
}

/** A frame after the other, each answered before the next. */
const honest: Visit = async (target) => {
  await using socket = await connected(target);
  const connection = framed(socket, lengthPrefixed());
  for (const frame of frames(target, 20)) {
    await connection.send(frame);
    check(target.report, frame, await connection.receive());
  }
};

/** All frames at once, then the end of its side; reads the answers after that. */
const halfCloser: Visit = async (target) => {
  await using socket = await connected(target);
  const connection = framed(socket, lengthPrefixed());
  const sent = frames(target, 20);
  const sending = connection.sendAll(sent).then(() => socket.closeWrite());
  for (const frame of sent) {
    check(target.report, frame, await connection.receive());
  }
  assertEquals(await connection.receive(), null);
  await sending;
};

/** Gives up waiting all the time, and asks again. */
const impatient: Visit = async (target) => {
  await using socket = await connected(target);
  const connection = framed(socket, lengthPrefixed());
  for (const frame of frames(target, 5)) {
    let echo: Uint8Array | null | undefined;
    await connection.send(frame);
    while (echo === undefined) {
      target.report.faults++;
      try {
        echo = await connection.receive({ timeoutMs: 1 });
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    }
    check(target.report, frame, echo);
  }
};

/** Aborts its own socket while calls are under way. */
const aborter: Visit = async (target) => {
  const socket = await connected(target);
  const connection = framed(socket, lengthPrefixed());
  const calls = [
    connection.sendAll(frames(target, 10)),
    connection.receive(),
    socket.closed,
  ];
  if (target.random() < 0.5) await Promise.race(calls);
  target.report.faults++;
  socket.abort();
  const ends = await Promise.allSettled(calls);
  for (const end of ends) {
    if (end.status === "fulfilled") continue;
    if (!(end.reason instanceof SocketError)) throw end.reason;
  }
};

/** Resets in the middle of a frame. */
const resetter: Visit = async (target) => {
  const { port, random, report } = target;
  report.connections++;
  const client = await rawClient(port);
  const bytes = encode(new Uint8Array(10_000));
  client.send(bytes);
  client.send(bytes.subarray(0, below(random, bytes.length)));
  report.faults++;
  await client.reset();
};

/** Sends what is no frame. */
const babbler: Visit = async (target) => {
  using conn = await deno(target);
  target.report.badInputs++;
  const gone = readAll(conn);
  await writeAll(conn, garbage(target.random, 5_000));
  await conn.closeWrite().catch(() => {});
  await gone;
};

/** Claims a frame above the cap. */
const boaster: Visit = async (target) => {
  using conn = await deno(target);
  target.report.badInputs++;
  const gone = readAll(conn);
  await writeAll(conn, encode(new Uint8Array(1_000), 2 ** 31));
  await gone;
};

/** Ends in the middle of a frame. */
const quitter: Visit = async (target) => {
  using conn = await deno(target);
  target.report.badInputs++;
  const gone = readAll(conn);
  await writeAll(conn, encode(new Uint8Array(1_000), 2_000));
  await conn.closeWrite().catch(() => {});
  await gone;
};

/** Begins a frame and never ends it. */
const dripper: Visit = async (target) => {
  using conn = await deno(target);
  target.report.faults++;
  const gone = readAll(conn);
  await writeAll(conn, encode(new Uint8Array(10), 20));
  await gone;
};

/** Says nothing at all. */
const silent: Visit = async (target) => {
  using conn = await deno(target);
  target.report.faults++;
  await readAll(conn);
};

/** Sends without end and never reads an answer. */
const deaf: Visit = async (target) => {
  using conn = await deno(target);
  target.report.faults++;
  const bytes = encode(new Uint8Array(MAX_FRAME_BYTES));
  while (await writeAll(conn, bytes));
};

/** Makes the handler throw. */
const poisoner: Visit = async (target) => {
  using conn = await deno(target);
  target.report.faults++;
  const gone = readAll(conn);
  await writeAll(conn, encode(new Uint8Array(10).fill(POISON)));
  await gone;
};

/** Connects and goes. */
const passerBy: Visit = async (target) => {
  (await deno(target)).close();
  target.report.faults++;
};

/** Every visit; good ones more than once, as there is something to lose there. */
export const VISITS: readonly Visit[] = [
  honest,
  honest,
  honest,
  halfCloser,
  halfCloser,
  impatient,
  aborter,
  resetter,
  babbler,
  boaster,
  quitter,
  poisoner,
  passerBy,
];

/** Those that last until the server cuts them off. */
export const LONG_VISITS: readonly Visit[] = [dripper, silent, deaf];
