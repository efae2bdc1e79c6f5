/**
 * Requests over datagrams that are lost, duplicated and reordered, beside forged answers:
 * each gets its own answer, or an error in time, and never a stranger's.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { SocketError, TimeoutError } from "@sluice/net";
import { struct, u16, utf8 } from "@sluice/net/codec";
import {
  connectDatagram,
  datagram,
  packetsOf,
  serveDatagrams,
} from "@sluice/net/datagram";
import {
  type HostProcess,
  simulate,
  SimulationError,
  type World,
} from "@sluice/net/testing";
import { chaos, FIRST_SEED } from "./_chaos.ts";

/** The text is not part of what is matched, so that a mix-up shows. */
const message = struct({ id: u16, text: utf8(u16) });

/** Ids are used again, as those of DNS are. */
const IDS = 16;

/** Answers late, more than once at times, and in any order. */
async function server(host: HostProcess): Promise<void> {
  const socket = await host.datagram({ port: 53 });
  const messages = packetsOf(socket, message);
  await serveDatagrams(messages, async ({ frame, from }) => {
    await host.sleep(Math.random() * 200);
    const answer = { ...frame, text: frame.text.toUpperCase() };
    if (Math.random() < 0.2) await messages.send(answer, from);
    return answer;
  });
}

/** Sends forged answers with every id, from other ports and as garbage. */
async function forge(host: HostProcess, ports: readonly number[]) {
  const socket = await host.datagram({ port: 53 });
  while (host.alive) {
    const id = Math.floor(Math.random() * IDS);
    for (const port of ports) {
      const to = { hostname: "client", port };
      await socket.send(message.encode({ id, text: "FORGED" }), to);
    }
    await host.sleep(Math.random() * 50);
  }
}

interface Counts {
  answers: number;
  timeouts: number;
  ignored: number;
}

async function scenario(
  world: World,
  counts: Counts,
  accept: (id: number, question: string) => (frame: {
    id: number;
    text: string;
  }) => boolean,
): Promise<void> {
  world.host("server").run(server);
  const client = world.host("client");
  const faults = chaos(world, ["server"], { forMs: 3_000 });
  let number = 0;
  for (let peers = 0; peers < 2; peers++) {
    await using peer = await connectDatagram({
      hostname: "server",
      port: 53,
      backend: client.datagrams,
    });
    const messages = packetsOf(peer, message);
    const { port } = peer.localAddr;
    const forger = world.host(`forger-${peers}`);
    forger.run((host) => forge(host, [port]));

    const ask = async (id: number): Promise<void> => {
      const text = `request ${number++}`;
      const timeoutMs = world.integer(50, 2_000);
      const startMs = world.clock.nowMs;
      try {
        const answer = await messages.request({ id, text }, {
          accept: accept(id, text),
          attempts: world.integer(1, 4),
          timeoutMs,
        });
        assertEquals(answer, { id, text: text.toUpperCase() });
        counts.answers++;
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        assert(error instanceof TimeoutError, error.message);
        assertEquals(error.sent, true);
        counts.timeouts++;
      }
      const lateMs = world.clock.nowMs - startMs - timeoutMs;
      assert(lateMs <= 3, `${lateMs} ms late`);
    };
    // Each id asks one question at a time, and several wait side by side.
    await Promise.all(Array.from({ length: IDS }, async (_, id) => {
      for (let i = 0; i < 4; i++) {
        await world.sleep(world.integer(0, 300));
        await ask(id);
      }
    }));
    counts.ignored += peer.stats.ignored;
    assertEquals(peer.stats.queued, 0);
    forger.crash();
  }
  await faults;
}

const network = (random: () => number) => ({
  latencyMs: 10,
  jitterMs: 50,
  lossRate: random() * 0.5,
  duplicateRate: random() * 0.5,
  reorderRate: random() * 0.5,
});

Deno.test("simulated requests over datagrams get their own answers or none, and never forged ones", async () => {
  const counts: Counts = { answers: 0, timeouts: 0, ignored: 0 };
  await simulate(
    { seed: FIRST_SEED, seeds: 1_000, network },
    (world) =>
      scenario(
        world,
        counts,
        (id, question) => (frame) =>
          frame.id === id && frame.text === question.toUpperCase(),
      ),
  );
  assert(counts.answers > 2_000, `${counts.answers}`);
  assert(counts.timeouts > 1_000, `${counts.timeouts}`);
  assert(counts.ignored > 1_000, `${counts.ignored}`);
});

Deno.test("a simulation finds an accept that looks at too little", async () => {
  // Late answers of an id that is used again: what an id of few bits alone comes to.
  const counts: Counts = { answers: 0, timeouts: 0, ignored: 0 };
  const error = await assertRejects(
    () =>
      simulate(
        { seed: FIRST_SEED, seeds: 20, network },
        (world) => scenario(world, counts, (id) => (frame) => frame.id === id),
      ),
    SimulationError,
  );
  assertEquals(error.reason, "failed");
});

Deno.test("a simulated flood is dropped and counted, and the newest is received", async () => {
  const options = { seed: FIRST_SEED, seeds: 20, network: { latencyMs: 5 } };
  await simulate(options, async (world) => {
    const victim = world.host("victim");
    await using socket = await datagram({
      port: 9,
      maxQueuedDatagrams: 10,
      backend: victim.datagrams,
    });
    const count = world.integer(11, 200);
    await using flood = await world.host("flood").datagram({ port: 0 });
    for (let i = 0; i < count; i++) {
      await flood.send(new Uint8Array([i]), { hostname: "victim", port: 9 });
    }
    await world.sleep(100);
    const { received, dropped, queued } = socket.stats;
    assertEquals([received, dropped, queued], [count, count - 10, 10]);
    let last = -1;
    for (let i = 0; i < 10; i++) last = (await socket.receive())!.data[0];
    assertEquals(last, count - 1);
  });
});
