/**
 * Shutting down while clients are busy: what was acknowledged is kept, what was
 * answered arrives, and the port is free.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  connect,
  framed,
  type FramedOptions,
  type Handler,
  lengthPrefixed,
  serve,
  SocketError,
} from "@sluice/net";
import { outcome } from "../_support/sockets.ts";
import { badDayServer } from "./_bad_day_server.ts";
import { type Random, SEED, seededRandom } from "./_random.ts";
import { beginReport } from "./_report.ts";

const timeout = 30_000;
const report = beginReport("drain");

/** What a server has taken for good, by client: one number after the other. */
type Store = Map<number, number[]>;

/**
 * Stores each frame `[client, number, …]`, then answers with the number. An idle client
 * does not hold up the drain, which ends the loop between two frames; a frame under way
 * does.
 */
function storing(store: Store, options?: FramedOptions): Handler {
  return async (socket) => {
    const connection = framed(socket, lengthPrefixed(), options);
    for await (const frame of connection) {
      const view = new DataView(frame.buffer, frame.byteOffset);
      const [client, number] = [view.getUint32(0), view.getUint32(4)];
      const taken = store.get(client) ?? [];
      store.set(client, taken);
      taken.push(number);
      await connection.send(frame.slice(4, 8));
    }
  };
}

/** Sends frames, some at a time, until the server ends; gives what was acknowledged. */
async function load(
  port: number,
  client: number,
  random: Random,
  onAcknowledged: () => void,
): Promise<number[]> {
  const acknowledged: number[] = [];
  await using socket = await connect({ port });
  report.connections++;
  const connection = framed(socket, lengthPrefixed());
  let ended = false;
  const sending = (async () => {
    for (let number = 0;; number++) {
      const frame = new Uint8Array(8 + Math.floor(random() * 3_000));
      const view = new DataView(frame.buffer);
      view.setUint32(0, client);
      view.setUint32(4, number);
      await connection.send(frame);
      // Up to thirty are on their way at a time.
      while (number - acknowledged.length > 30) {
        await new Promise((next) => void setImmediate(next));
        if (socket.signal.aborted || ended) return;
      }
    }
  })().catch(() => {});
  try {
    while (true) {
      const answer = await connection.receive();
      if (answer === null) break;
      acknowledged.push(
        new DataView(answer.buffer, answer.byteOffset).getUint32(0),
      );
      report.bytesAcknowledged += 4;
      onAcknowledged();
    }
  } catch (error) {
    assert(error instanceof SocketError);
  }
  ended = true;
  socket.abort();
  await sending;
  return acknowledged;
}

/** Loads a server until `count` frames are acknowledged, then drains it. */
async function drainUnderLoad(
  handler: (store: Store) => Handler,
  timeoutMs: number,
) {
  const random = seededRandom(SEED + timeoutMs);
  const store: Store = new Map();
  const day = badDayServer(handler(store));
  const busy = Promise.withResolvers<void>();
  let count = 0;
  const loads = Array.from(
    { length: 25 },
    (_, client) =>
      load(day.port, client, random, () => {
        if (++count === 1_000) busy.resolve();
      }),
  );
  await busy.promise;
  report.faults++;
  const shutdown = await day.server.shutdown({ timeoutMs });
  // Bound again at once, by another server.
  await using _ = serve({ port: day.port }, () => {});
  const acknowledged = await Promise.all(loads);
  acknowledged.forEach((numbers, client) => {
    const taken = new Set(store.get(client));
    for (const number of numbers) if (!taken.has(number)) report.bytesLost += 4;
  });
  assertEquals(report.bytesLost, 0);
  return { shutdown, store, acknowledged, errors: day.errors };
}

Deno.test(
  "a drain under load loses no frame that was acknowledged, and no answer",
  { timeout },
  async () => {
    for (let round = 0; round < 3; round++) {
      const { shutdown, store, acknowledged, errors } = await drainUnderLoad(
        storing,
        10_000 + round,
      );
      assertEquals(shutdown, { completed: 25, aborted: 0, handshakes: 0 });
      assertEquals(errors, []);
      // Stronger: all that was taken was answered, and all answers arrived.
      acknowledged.forEach((numbers, client) => {
        assertEquals(numbers, store.get(client) ?? [], `client ${client}`);
      });
      assertGreater(acknowledged.flat().length, 999);
    }
  },
);

Deno.test(
  "a drain at once loses no frame that was acknowledged",
  { timeout },
  async () => {
    const { shutdown, store, acknowledged } = await drainUnderLoad(storing, 0);
    assertEquals(shutdown.completed + shutdown.aborted, 25);
    acknowledged.forEach((numbers, client) => {
      const taken = store.get(client) ?? [];
      assertEquals(numbers, taken.slice(0, numbers.length), `client ${client}`);
    });
  },
);

Deno.test(
  "a drain cuts handlers that do not stop, and loses no frame that was acknowledged",
  { timeout },
  async () => {
    const deaf = (store: Store) => storing(store, { endOnDrain: false });
    const { shutdown } = await drainUnderLoad(deaf, 200);
    assertEquals(shutdown, { completed: 0, aborted: 25, handshakes: 0 });
  },
);

Deno.test(
  "a drain lets a slow client have all of a large answer",
  { timeout },
  async () => {
    const total = 3_000_000;
    const day = badDayServer((socket) => socket.write(new Uint8Array(total)));
    const clients = await Promise.all(
      Array.from(
        { length: 5 },
        () => connect({ port: day.port, maxReadBytesPerSecond: 10_000_000 }),
      ),
    );
    report.connections += clients.length;
    report.faults++;
    await day.happened("accepted", clients.length);
    const reading = Promise.all(clients.map(async (client) => {
      let received = 0;
      for await (const chunk of client) received += chunk.length;
      await client.close();
      return received;
    }));
    assertEquals(await day.server.shutdown(), {
      completed: 5,
      aborted: 0,
      handshakes: 0,
    });
    for (const received of await reading) {
      report.bytesAcknowledged += total;
      report.bytesLost += total - received;
      assertEquals(received, total);
    }
  },
);

Deno.test("a client that comes during a drain is refused, not left waiting", {
  timeout,
}, async () => {
  const release = Promise.withResolvers<void>();
  const day = badDayServer(() => release.promise);
  await using busy = await connect({ port: day.port });
  await day.happened("accepted");
  const draining = day.server.shutdown();
  await day.happened("drain");
  for (let i = 0; i < 20; i++) {
    report.connections++;
    report.faults++;
    const late = await outcome(connect({ port: day.port, timeoutMs: 5_000 }));
    assert(late instanceof SocketError, Deno.inspect(late));
    assertEquals(late.code, "broken");
  }
  release.resolve();
  await busy.close();
  assertEquals(await draining, { completed: 1, aborted: 0, handshakes: 0 });
});
