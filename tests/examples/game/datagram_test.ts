import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokenError, MalformedFrameError } from "@sluice/net";
import { connectDatagram, datagram } from "@sluice/net/datagram";
import {
  type ClientDatagramConnection,
  connectGameDatagrams,
} from "../../../examples/game/datagram_client.ts";
import { DatagramConnection } from "../../../examples/game/datagram_connection.ts";
import {
  datagramPacket,
  decodeDatagram,
} from "../../../examples/game/datagram_packets.ts";
import { serveGameDatagrams } from "../../../examples/game/datagram_server.ts";
import { Host } from "../../../examples/game/host.ts";
import {
  clientDatagrams,
  type ClientPacket,
  type ClientPacketOut,
  serverDatagrams,
  type ServerPacket,
} from "../../../examples/game/protocol.ts";
import { Random } from "../../../examples/game/random.ts";
import { simulate } from "../../../examples/game/simulation.ts";

const timeout = 60_000;
const limits = { timeoutMs: 30_000 };
const ID = new Uint8Array(8).fill(1);
const remoteAddr: Deno.NetAddr = {
  transport: "tcp",
  hostname: "192.0.2.1",
  port: 1,
};
const CHALLENGE_SIZE = 1 + 8 + 16;

/** Both sides of a connection; `lose` says what becomes of each datagram. */
function pair(lose: (data: Uint8Array) => "lose" | "twice" | undefined) {
  const pass =
    (to: () => { take: (packet: never) => void; break(): void }) =>
    (data: Uint8Array) => {
      const fate = lose(data);
      const packet = decodeDatagram(data)!;
      if (fate === "lose") return Promise.resolve();
      if (packet.kind === "reset") to().break();
      else {
        to().take(packet as never);
        if (fate === "twice") to().take(packet as never);
      }
      return Promise.resolve();
    };
  const onEnd = () => {};
  const common = { id: ID, remoteAddr, onEnd };
  const client: DatagramConnection<ServerPacket, ClientPacketOut> =
    new DatagramConnection({
      ...common,
      protocol: clientDatagrams,
      transmit: pass(() => server),
    });
  const server: DatagramConnection<ClientPacket, ServerPacket> =
    new DatagramConnection({
      ...common,
      protocol: serverDatagrams,
      transmit: pass(() => client),
    });
  return { client, server };
}

Deno.test(
  "events over UDP come once and in order, whatever is lost or comes twice",
  {
    timeout,
  },
  async () => {
    const chance = new Random(5);
    const { client, server } = pair(() => {
      const number = chance.below(10);
      return number < 4 ? "lose" : number < 6 ? "twice" : undefined;
    });
    const got: number[] = [];
    const receiving = (async () => {
      while (true) {
        const packet = await server.receive(limits);
        if (packet === null) break;
        if (packet.type === "input") got.push(packet.sequence);
      }
      await server[Symbol.asyncDispose]();
    })();
    for (let sequence = 1; sequence <= 30; sequence++) {
      await client.send({ type: "input", sequence, heading: "up" });
      await client.send({ type: "ping", sentAtMs: sequence });
    }
    // Nothing more is sent by itself: what is missing comes by being sent again.
    while (got.length < 30) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    await client[Symbol.asyncDispose]();
    server.break();
    await receiving.catch(() => {});
    assertEquals(got, Array.from({ length: 30 }, (_, i) => i + 1));
  },
);

Deno.test(
  "state over UDP is the newest of its type, and never older than what was seen",
  {
    timeout,
  },
  async () => {
    const held: Uint8Array[] = [];
    const { client, server } = pair((data) => {
      held.push(data.slice());
      return "lose";
    });
    for (const sentAtMs of [1, 2, 3]) {
      await client.send({ type: "ping", sentAtMs });
    }
    const give = (i: number) => {
      const packet = decodeDatagram(held[i]);
      assert(packet?.kind === "data");
      server.take(packet);
    };
    give(0);
    give(1);
    assertEquals(await server.receive(limits), { type: "ping", sentAtMs: 2 });
    give(2);
    give(0);
    assertEquals(await server.receive(limits), { type: "ping", sentAtMs: 3 });
    give(2);
    await assertRejects(() => server.receive({ timeoutMs: 1 }));
    client.abort();
    server.abort();
  },
);

Deno.test(
  "an event over UDP stays to be sent when the other side acknowledges what was never sent",
  {
    timeout,
  },
  async () => {
    let isLost = true;
    const { client, server } = pair(() => isLost ? "lose" : undefined);
    await client.send({ type: "input", sequence: 1, heading: "up" });
    client.take({
      kind: "data",
      id: ID,
      acked: 1_000,
      first: 1,
      events: [],
      sequence: 1,
      state: new Uint8Array(),
    });
    isLost = false;
    await client.send({ type: "input", sequence: 2, heading: "up" });
    for (const sequence of [1, 2]) {
      const packet = await server.receive(limits);
      assert(packet?.type === "input" && packet.sequence === sequence);
    }
    client.abort();
    server.abort();
  },
);

Deno.test(
  "a connection over UDP ends that is not acknowledged, or speaks otherwise",
  {
    timeout,
  },
  async () => {
    const { client, server } = pair(() => "lose");
    const event = { type: "input", heading: "up" } as const;
    for (let sequence = 1; sequence <= 64; sequence++) {
      await client.send({ ...event, sequence });
    }
    const more = () => client.send({ ...event, sequence: 65 });
    await assertRejects(more, BrokenError, "64 events are not acknowledged");
    await assertRejects(() => client.receive(), BrokenError);
    server.take({
      kind: "data",
      id: ID,
      acked: 0,
      first: 1,
      events: [{ bytes: new Uint8Array([99]) }],
      sequence: 1,
      state: new Uint8Array(),
    });
    await assertRejects(() => server.receive(), MalformedFrameError);
  },
);

Deno.test(
  "serveGameDatagrams() remembers nothing of a client until its address is proved",
  {
    timeout,
  },
  async () => {
    const socket = await datagram({ port: 0 });
    const end = new AbortController();
    const opened: string[] = [];
    const serving = serveGameDatagrams(socket, {
      signal: end.signal,
      onError: () => {},
      async handle(connection, { signal }) {
        opened.push("opened");
        while (await connection.receive({ signal }) !== null);
      },
    });
    const { port } = socket.localAddr;
    await using stranger = await connectDatagram({ port });
    await using other = await connectDatagram({ port });
    const open = (cookie: Uint8Array) =>
      datagramPacket.encode({ kind: "open", id: ID, cookie });
    const answer = async (peer: typeof stranger) => {
      const { data } = (await peer.receive(limits))!;
      return { ...decodeDatagram(data)!, size: data.length };
    };

    for (const garbage of ["", "\x00", "\x01GET / HTTP/1.1\r\n\r\n"]) {
      await stranger.send(garbage);
    }
    const query = open(new Uint8Array(16));
    await stranger.send(query);
    const challenge = await answer(stranger);
    assert(challenge.kind === "challenge");
    assert(challenge.size === CHALLENGE_SIZE && challenge.size <= query.length);
    // The cookie is for the address that it was sent to.
    await other.send(open(challenge.cookie));
    assertEquals((await answer(other)).kind, "challenge");
    assertEquals(opened, []);
    await stranger.send(open(challenge.cookie));
    assertEquals((await answer(stranger)).kind, "opened");
    // Twice, as the answer may be lost: it is the same connection.
    await stranger.send(open(challenge.cookie));
    assertEquals((await answer(stranger)).kind, "opened");
    assertEquals(opened, ["opened"]);

    // The id alone is not enough.
    const data = datagramPacket.encode({
      kind: "data",
      id: ID,
      acked: 0,
      first: 1,
      events: [],
      sequence: 1,
      state: new Uint8Array(),
    });
    await other.send(data);
    const reset = await answer(other);
    assert(reset.kind === "reset" && reset.size <= data.length);
    end.abort();
    await serving;
  },
);

Deno.test(
  "a client over UDP learns that the server ended its connection, or has forgotten it",
  {
    timeout,
  },
  async () => {
    const socket = await datagram({ port: 0 });
    const end = new AbortController();
    const { signal } = end;
    const serving = serveGameDatagrams(socket, {
      signal,
      onError: () => {},
      async handle(connection) {
        const packet = await connection.receive(limits);
        // As a server that was started anew: it says nothing by itself.
        if (packet?.type === "ping") connection.break();
        else connection.abort();
      },
    });
    const { port } = socket.localAddr;
    const isReset = async (connection: ClientDatagramConnection) => {
      const error = await assertRejects(
        () => connection.receive(limits),
        BrokenError,
      );
      assertEquals(error.reason, "reset");
    };

    const ended = await connectGameDatagrams({ port, signal });
    await ended.send({ type: "hello", name: "ann", watch: false });
    await isReset(ended);
    const forgotten = await connectGameDatagrams({ port, signal });
    // The first one makes the server forget; what is said later is answered with a reset.
    let isOver = false;
    const pinging = (async () => {
      for (let sentAtMs = 1; !isOver; sentAtMs++) {
        await forgotten.send({ type: "ping", sentAtMs }).catch(() => {});
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    })();
    try {
      await isReset(forgotten);
    } finally {
      isOver = true;
      await pinging;
    }
    end.abort();
    await serving;
  },
);

Deno.test(
  "Host plays over UDP as over TCP, and a client that leaves gives its seat up",
  {
    timeout,
  },
  async () => {
    const news: string[] = [];
    const host = new Host({
      seed: 7,
      goal: 200,
      least: 1,
      tickMs: 100,
      onNews: (each) => news.push(each),
    });
    const socket = await datagram({ port: 0 });
    const end = new AbortController();
    const serving = serveGameDatagrams(socket, {
      signal: end.signal,
      onError: () => {},
      handle: (connection, context) => host.handle(connection, context),
    });
    const { port } = socket.localAddr;
    const { signal } = end;
    const join = async (name: string) => {
      const connection = await connectGameDatagrams({ port, signal });
      await connection.send({ type: "hello", name, watch: false });
      return { connection, answer: await connection.receive(limits) };
    };
    const ann = await join("ann");
    assert(ann.answer?.type === "welcome");
    const refused = await join("Ann");
    assert(refused.answer?.type === "refused");
    await refused.connection[Symbol.asyncDispose]();

    host.tick();
    const snapshot = await ann.connection.receive(limits);
    assert(snapshot?.type === "snapshot" && snapshot.players.length === 1);
    await ann.connection.send({ type: "ping", sentAtMs: 9 });
    assertEquals(await ann.connection.receive(limits), {
      type: "pong",
      sentAtMs: 9,
    });
    await ann.connection[Symbol.asyncDispose]();
    const bob = await join("bob");
    assert(bob.answer?.type === "welcome");
    while (!news.includes("ann left")) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    // The server closes: the client is told.
    end.abort();
    const last = await bob.connection.receive(limits);
    assertEquals(last, { type: "refused", reason: "the server closes" });
    await bob.connection[Symbol.asyncDispose]();
    await serving;
    assertEquals(news.slice(0, 3), ["ann came", "ann left", "bob came"]);
  },
);

Deno.test(
  "a match over UDP under loss comes to its end, the same for the same seed",
  {
    timeout,
  },
  async () => {
    const weather = { latencyMs: 50, jitterMs: 20, lossRate: 0.2, udp: true };
    const first = await simulate(3, weather);
    assertEquals(await simulate(3, weather), first);
    assertEquals(first.reconnects, 0);
    assert(first.winner !== undefined);
    assert(first.longestPauseMs < 3_000, `${first.longestPauseMs} ms`);
  },
);
