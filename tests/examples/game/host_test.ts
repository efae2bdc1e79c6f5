import { assert, assertEquals } from "@std/assert";
import { framed, type Socket } from "@sluice/net";
import { type MemoryNetwork, memoryNetwork } from "@sluice/net/testing";
import { Host } from "../../../examples/game/host.ts";
import {
  clientSide,
  type ServerPacket,
} from "../../../examples/game/protocol.ts";

const timeout = 20_000;
const limits = { timeoutMs: 10_000 };

/** A game on a network in memory, whose ticks the test makes. */
function open(news: string[] = []) {
  const network = memoryNetwork({ highWaterMarkBytes: 2_048 });
  const host = new Host({
    seed: 7,
    goal: 200,
    least: 1,
    tickMs: 100,
    onNews: (each) => news.push(each),
  });
  const server = network.serve(
    { name: "game", highWaterMarkBytes: 1_024, onError: () => {} },
    (socket, context) => host.handle(socket, context),
  );
  return {
    network,
    host,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      network[Symbol.dispose]();
    },
  };
}

type Hello = { name?: string; watch?: boolean; token?: Uint8Array };

/** Says hello, and gives the answer. */
async function hello(
  network: MemoryNetwork,
  { name = "ann", watch = false, token }: Hello = {},
) {
  const socket = await network.connect({ name: "game" });
  const connection = framed(socket, clientSide);
  await connection.send({ type: "hello", name, watch, token });
  const answer = await connection.receive(limits);
  assert(answer !== null);
  return { socket, connection, answer };
}

function welcomed(answer: ServerPacket) {
  assert(answer.type === "welcome", JSON.stringify(answer));
  return answer;
}

/** Lets everything run that can. */
async function settle(done: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

Deno.test(
  "Host gives a seat back for its token, also while the old connection lives",
  { timeout },
  async () => {
    const news: string[] = [];
    await using game = open(news);
    const first = await hello(game.network);
    const { id, token } = welcomed(first.answer);
    game.host.match.players.get(id)!.gems = 5;
    const second = await hello(game.network, { token });
    assertEquals(welcomed(second.answer).id, id);
    // The first connection is taken for dead.
    await first.connection.receive(limits).then(() => {}, () => {});
    assertEquals(game.host.match.players.get(id)!.gems, 5);
    assertEquals(news, ["ann came", "ann is back"]);
    first.socket.abort();
    second.socket.abort();
  },
);

Deno.test(
  "Host keeps the seat of a lost player for ten seconds, and of one that left not at all",
  { timeout },
  async () => {
    const news: string[] = [];
    await using game = open(news);
    const { players } = game.host.match;
    const lost = await hello(game.network);
    lost.socket.abort();
    game.network.reset();
    await settle(() => news.includes("ann is lost"));
    for (let tick = 0; tick < 100; tick++) game.host.tick();
    assertEquals(players.size, 1);
    for (let tick = 0; tick < 2; tick++) game.host.tick();
    assertEquals(players.size, 0);

    const leaver = await hello(game.network, { name: "bob" });
    await leaver.socket.closeWrite();
    await settle(() => news.includes("bob left"));
    assertEquals(players.size, 0);
    leaver.socket.abort();
  },
);

Deno.test("Host tells refused clients why", { timeout }, async (test) => {
  await using game = open();
  const cases: [Hello, string][] = [
    [{ name: "a\x1b[2J" }, "a name must be 1 to 12 letters, digits, _ and -"],
    [{ name: "" }, "a name must be 1 to 12 letters, digits, _ and -"],
  ];
  for (const [what, reason] of cases) {
    await test.step(JSON.stringify(what.name), async () => {
      const { answer, socket } = await hello(game.network, what);
      assertEquals(answer, { type: "refused", reason });
      await socket.close();
    });
  }
  const players: Socket[] = [];
  for (let i = 0; i < 8; i++) {
    players.push((await hello(game.network, { name: `p${i}` })).socket);
  }
  const ninth = await hello(game.network);
  assertEquals(ninth.answer, { type: "refused", reason: "the game is full" });
  await ninth.socket.close();
  const spectator = await hello(game.network, { watch: true });
  assertEquals(welcomed(spectator.answer).id, 0);
  for (const socket of [...players, spectator.socket]) socket.abort();
});

Deno.test("Host ends clients that do not speak its protocol, and goes on", {
  timeout,
}, async () => {
  await using game = open();
  const garbage: Uint8Array[] = [
    new Uint8Array([0, 3, 99, 1, 2]),
    new Uint8Array([255, 255, 1, 1]),
    new Uint8Array([0, 6, 2, 0, 0, 0, 1, 9]),
    new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
  ];
  for (const bytes of garbage) {
    const socket = await game.network.connect({ name: "game" });
    await socket.write(bytes);
    const answer = await framed(socket, clientSide).receive(limits);
    assertEquals(answer, {
      type: "refused",
      reason: "that is not this game's protocol",
    });
    socket.abort();
  }
  const early = await game.network.connect({ name: "game" });
  const connection = framed(early, clientSide);
  await connection.send({ type: "ping", sentAtMs: 1 });
  assertEquals(await connection.receive(limits), {
    type: "refused",
    reason: "hello must come first",
  });
  early.abort();
  const good = await hello(game.network);
  welcomed(good.answer);
  good.socket.abort();
});

Deno.test(
  "Host leaves snapshots out for a client that does not read, and no other waits",
  {
    timeout,
  },
  async () => {
    await using game = open();
    const sleeper = await hello(game.network, { watch: true });
    const ann = await hello(game.network);
    welcomed(ann.answer);
    for (let tick = 1; tick <= 600; tick++) {
      game.host.tick();
      const packet = await ann.connection.receive(limits);
      assert(packet?.type === "snapshot" && packet.tick === tick);
    }
    let last = 0;
    let seen = 0;
    while (last < 600) {
      const packet = await sleeper.connection.receive({ timeoutMs: 200 }).catch(
        () => null,
      );
      if (packet === null) game.host.tick(); // What was left out is made good by the next.
      if (packet?.type !== "snapshot") continue;
      assert(packet.tick > last);
      last = packet.tick;
      seen++;
    }
    assert(seen < 300, `${seen} of 600 snapshots were kept for a sleeper`);
    ann.socket.abort();
    sleeper.socket.abort();
  },
);
