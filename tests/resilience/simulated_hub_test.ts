/**
 * Two hubs in a world where members are slow or leave, and an engine loses messages.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { framed, lines, SocketError } from "@sluice/net";
import { type Engine, Hub, memoryEngine } from "@sluice/net/hub";
import { simulate, type World } from "@sluice/net/testing";
import { chaos, FIRST_SEED, PAUSES } from "./_chaos.ts";

/** Messages that each of the two publishers has. */
const MESSAGES = 12;

/** Loses messages at random while it is told to, and says nothing of it. */
class LossyEngine implements Engine {
  loses = false;
  lost = 0;
  readonly #inner = memoryEngine();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  publish(topic: string, data: Uint8Array): Promise<void> {
    if (this.loses && this.#world.integer(0, 9) === 0) {
      this.lost++;
      return Promise.resolve();
    }
    return this.#inner.publish(topic, data);
  }

  subscribe(...args: Parameters<Engine["subscribe"]>) {
    return this.#inner.subscribe(...args);
  }
}

/** A hub on a host of its own, and the drops that its members were told. */
function startHub(world: World, name: string, engine: Engine) {
  const hub = new Hub(lines(), {
    engine,
    maxQueuedFrames: world.integer(1, 8),
    onSlow: world.pick(["drop-oldest", "drop-newest"]),
  });
  /** Of those that have joined. */
  const told = new Map<string, number>();
  // However slow, each member is to get what is not dropped.
  world.host(name).serve({ writeMs: Infinity }, async (socket) => {
    const connection = framed(socket, lines());
    const who = await connection.receive();
    if (who === null) return;
    using membership = hub.join("news", connection, {
      onDropped: (count) => told.set(who, told.get(who)! + count),
    });
    told.set(who, 0);
    // It says nothing more, and leaves.
    while (await connection.receive() !== null);
    assertEquals(told.get(who), membership.dropped);
  });
  return { hub, told };
}

/** What a member got, by publisher; ends with the last message of both. */
async function listen(
  world: World,
  name: string,
  server: string,
): Promise<number> {
  const { process } = world.host(name);
  await using socket = await process.connect({ name: server });
  const connection = framed(socket, lines());
  await connection.send(name);
  const last = new Map<string, number>();
  let received = 0;
  while (last.get("a") !== MESSAGES || last.get("b") !== MESSAGES) {
    const line = await connection.receive();
    assert(line !== null, "the server has ended first");
    const [publisher, number] = line.split(" ");
    // In order, and never twice.
    assert(Number(number) > (last.get(publisher) ?? -1), line);
    last.set(publisher, Number(number));
    received++;
  }
  return received;
}

/** A member that leaves at some point, however that is. */
async function leaveEarly(world: World, name: string): Promise<void> {
  try {
    const { process } = world.host(name);
    await using socket = await process.connect({ name: "a" });
    await socket.write(`${name}\n`);
    await socket.read({ timeoutMs: world.integer(1, 2_000) });
    if (world.integer(0, 1) === 0) socket.abort();
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  }
}

Deno.test("simulated hubs keep the order, deliver once, and account for every frame", async () => {
  let dropped = 0;
  let lost = 0;
  await simulate({
    seed: FIRST_SEED,
    seeds: 1_000,
  }, async (world) => {
    const engine = new LossyEngine(world);
    const a = startHub(world, "a", engine);
    const b = startHub(world, "b", engine);
    const members = ["a1", "a2", "b1"];
    world.network.slowDown("a2", { bytesPerSecond: 5_000 });
    const received = members.map((name) => listen(world, name, name[0]));
    const leaving = leaveEarly(world, "gone");
    const hasJoined = (name: string) => a.told.has(name) || b.told.has(name);
    while (!members.every(hasJoined)) await world.sleep(10);

    const happening = chaos(world, members, {
      forMs: 500,
      everyMs: 250,
      faults: PAUSES,
    });
    // What was lost before the first message of a publisher cannot be known.
    await Promise.all([
      a.hub.publish("news", "a 0"),
      b.hub.publish("news", "b 0"),
    ]);
    engine.loses = true;
    const publish = async (name: string, { hub }: typeof a) => {
      for (let i = 1; i < MESSAGES; i++) {
        await world.sleep(world.integer(0, 60));
        const text = "x".repeat(world.integer(5_000, 20_000));
        await hub.publish("news", `${name} ${i} ${text}`);
      }
    };
    await Promise.all([publish("a", a), publish("b", b)]);
    await happening;
    const waits = () => a.hub.stats.queuedFrames + b.hub.stats.queuedFrames > 0;
    while (waits()) await world.sleep(1_000);
    // What was on its way has arrived.
    await world.sleep(60_000);
    engine.loses = false;
    await Promise.all([
      a.hub.publish("news", `a ${MESSAGES}`),
      b.hub.publish("news", `b ${MESSAGES}`),
    ]);

    const counts = await Promise.all(received);
    await leaving;
    const hubs = { a: a.hub.stats, b: b.hub.stats };
    for (const [own, other] of [[hubs.a, hubs.b], [hubs.b, hubs.a]]) {
      assertEquals(own.received + own.lost, other.published);
      assertEquals([own.queuedFrames, own.queuedBytes, own.refused], [0, 0, 0]);
    }
    assertEquals(hubs.a.lost + hubs.b.lost, engine.lost);
    for (const [i, name] of members.entries()) {
      const stats = hubs[name[0] as "a" | "b"];
      const { told } = name[0] === "a" ? a : b;
      assertEquals(
        counts[i] + told.get(name)!,
        stats.published + stats.received,
        name,
      );
      dropped += told.get(name)!;
    }
    lost += engine.lost;
    // All have left: with its members the hubs forget the topic.
    await world.sleep(20_000);
    for (const { stats } of [a.hub, b.hub]) {
      assertEquals([stats.topics, stats.members], [0, 0]);
    }
  });
  assert(dropped > 1_000, `${dropped}`);
  assert(lost > 1_000, `${lost}`);
});
