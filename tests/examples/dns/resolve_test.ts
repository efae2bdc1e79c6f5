import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { framed, serve, TimeoutError } from "@sluice/net";
import { datagram, type DatagramSocket } from "@sluice/net/datagram";
import { AnswerLimits } from "../../../examples/dns/answer_limits.ts";
import { askServer, TCP_FRAMES } from "../../../examples/dns/ask.ts";
import {
  decodeMessage,
  encodeMessage,
  IN,
  type Message,
  type Question,
  replyTo,
  type ResourceRecord,
} from "../../../examples/dns/message.ts";
import { Networks } from "../../../examples/dns/networks.ts";
import { Resolver } from "../../../examples/dns/resolve.ts";
import { freePort } from "../../_support/free_port.ts";

const timeout = 30_000;
const QUESTION: Question = { name: "a.test.", type: "A", class: IN };
const WRONG = "203.0.113.66";
const RIGHT = "192.0.2.1";

const record = (address: string, name = "a.test."): ResourceRecord => ({
  name,
  class: IN,
  ttl: 100,
  type: "A",
  address,
});
const replyWith = (query: Message, address: string): Message =>
  replyTo(query, { answers: [record(address)] });

interface Asked {
  query: Message;
  from: Deno.NetAddr;
  send(message: Message | Uint8Array): Promise<void>;
}

/** A server that does to each query what a test says. */
async function startUpstream(onQuery: (asked: Asked) => unknown, port = 0) {
  const socket = await datagram({ port });
  const asked: Asked[] = [];
  const serving = (async () => {
    for await (const { data, from } of socket) {
      const query = {
        query: decodeMessage(data),
        from,
        send: (message: Message | Uint8Array) =>
          socket.send(
            message instanceof Uint8Array ? message : encodeMessage(message),
            from,
          ),
      };
      asked.push(query);
      await onQuery(query);
    }
  })();
  return {
    asked,
    addr: socket.localAddr,
    async [Symbol.asyncDispose]() {
      await socket.close();
      await serving;
    },
  };
}

function resolverOf(
  { addr }: { addr: Deno.NetAddr },
  options: { timeoutMs?: number; maxInFlight?: number } = {},
): Resolver {
  return new Resolver({ upstream: addr, timeoutMs: 20_000, ...options });
}

const addressesOf = ({ answers }: { answers: ResourceRecord[] }) =>
  answers.map((record) => "address" in record ? record.address : record.type);

Deno.test(
  "Resolver takes the answer to its question alone, whatever comes before it",
  {
    timeout,
  },
  async () => {
    await using stranger: DatagramSocket<Deno.NetAddr> = await datagram({
      port: 0,
    });
    await using upstream = await startUpstream(
      async ({ query, from, send }) => {
        const wrong = replyWith(query, WRONG);
        await stranger.send(encodeMessage(wrong), from);
        await send({ ...wrong, id: query.id ^ 1 });
        await send({ ...wrong, isResponse: false });
        await send({ ...wrong, opcode: 4 });
        await send({ ...wrong, questions: [{ ...QUESTION, name: "b.test." }] });
        await send({ ...wrong, questions: [{ ...QUESTION, type: "AAAA" }] });
        await send({ ...wrong, questions: [{ ...QUESTION, class: 3 }] });
        await send({ ...wrong, questions: [QUESTION, QUESTION] });
        await send({ ...wrong, questions: [] });
        const bytes = encodeMessage(wrong);
        await send(bytes.subarray(0, bytes.length - 3));
        await send(new Uint8Array([...bytes, 1]));
        await send(new Uint8Array(0));
        await send(bytes.subarray(0, 2));
        const bomb = bytes.slice();
        bomb.set([0xc0, 12], 12);
        await send(bomb);
        await send(replyWith(query, RIGHT));
        await send(wrong);
      },
    );
    const resolver = resolverOf(upstream);
    const answer = await resolver.resolve(QUESTION);
    assertEquals([addressesOf(answer), answer.source], [[RIGHT], "upstream"]);
    const again = await resolver.resolve(QUESTION);
    assertEquals([addressesOf(again), again.source], [[RIGHT], "cache"]);
  },
);

Deno.test("Resolver asks with another id from another port each time", {
  timeout,
}, async () => {
  await using upstream = await startUpstream(({ query, send }) =>
    send(replyTo(query, { rcode: 2 }))
  );
  const resolver = resolverOf(upstream);
  for (let i = 0; i < 8; i++) {
    const { rcode, source } = await resolver.resolve(QUESTION);
    // A failure is told, and not kept.
    assertEquals([rcode, source], [2, "upstream"]);
  }
  const { asked } = upstream;
  assertEquals(asked.length, 8);
  assertNotEquals(new Set(asked.map(({ query }) => query.id)).size, 1);
  assertNotEquals(new Set(asked.map(({ from }) => from.port)).size, 1);
});

Deno.test("Resolver gives up in time, and a late answer is no answer", {
  timeout,
}, async () => {
  await using upstream = await startUpstream(() => {});
  const resolver = resolverOf(upstream, { timeoutMs: 200 });
  const { rcode, why = "" } = await resolver.resolve(QUESTION);
  assertEquals(rcode, 2);
  assertMatch(why, /200 ms/);
  const [first] = upstream.asked;
  // To the port of the question that was given up.
  await first.send(replyWith(first.query, WRONG));
  assertEquals((await resolver.resolve(QUESTION)).rcode, 2);
});

Deno.test(
  "Resolver asks once for questions that are the same, and bounds how many are in flight",
  {
    timeout,
  },
  async () => {
    const all = Promise.withResolvers<void>();
    await using upstream = await startUpstream(({ query, send }) => {
      void all.promise.then(() => send(replyWith(query, RIGHT)));
    });
    const resolver = resolverOf(upstream, { maxInFlight: 2 });
    const same = ["a.test.", "A.test.", "a.TEST."].map((name) =>
      resolver.resolve({ ...QUESTION, name })
    );
    const other = resolver.resolve({ ...QUESTION, type: "MX" });
    const refused = await resolver.resolve({ ...QUESTION, type: "TXT" });
    assertEquals([refused.rcode, refused.source], [2, "none"]);
    assertMatch(refused.why!, /^2 questions are in flight already$/);
    all.resolve();
    for (const answer of await Promise.all(same)) {
      assertEquals(addressesOf(answer), [RIGHT]);
    }
    await other;
    const types = new Set(upstream.asked.map(({ query }) => query.id));
    assertEquals(types.size, 2);
  },
);

Deno.test("Resolver leaves out records that nothing asked for", {
  timeout,
}, async () => {
  await using upstream = await startUpstream(({ query, send }) =>
    send(replyTo(query, {
      answers: [
        record(WRONG, "bank.test."),
        {
          name: "a.test.",
          class: IN,
          ttl: 9,
          type: "CNAME",
          target: "b.test.",
        },
        record(RIGHT, "b.test."),
        { ...record(WRONG, "b.test."), class: 3 },
      ],
      authorities: [
        {
          name: "bank.test.",
          class: IN,
          ttl: 9,
          type: "NS",
          target: "a.test.",
        },
      ],
      additionals: [record(WRONG, "bank.test.")],
    }))
  );
  const answer = await resolverOf(upstream).resolve(QUESTION);
  assertEquals(addressesOf(answer), ["CNAME", RIGHT]);
  assertEquals(answer.authorities, []);
});

Deno.test(
  "Resolver goes to TCP for an answer that is truncated, even in a record",
  {
    timeout,
  },
  async () => {
    await using upstream = await startUpstream(({ query, send }) => {
      const bytes = encodeMessage({
        ...replyWith(query, WRONG),
        isTruncated: true,
      });
      return send(bytes.subarray(0, bytes.length - 5));
    }, freePort());
    let replies = 0;
    await using _server = serve(
      { port: upstream.addr.port, onError: () => {} },
      async (socket) => {
        const connection = framed(socket, TCP_FRAMES);
        const query = decodeMessage((await connection.receive())!);
        replies++;
        // First another question, then none at all, then the right one.
        if (replies === 2) return;
        const answer = replyWith(query, RIGHT);
        if (replies === 1) answer.id ^= 1;
        await connection.send(encodeMessage(answer));
      },
    );
    const resolver = resolverOf(upstream);
    const wrong = await resolver.resolve(QUESTION);
    assertMatch(wrong.why!, /answered another question/);
    assertMatch((await resolver.resolve(QUESTION)).why!, /without an answer/);
    const right = await resolver.resolve(QUESTION);
    assertEquals(addressesOf(right), [RIGHT]);
  },
);

Deno.test("Resolver asks a server that does not know EDNS again without it", {
  timeout,
}, async () => {
  await using upstream = await startUpstream(({ query, send }) =>
    query.edns === undefined ? send(replyWith(query, RIGHT)) : send(
      Uint8Array.of(
        query.id >> 8,
        query.id & 255,
        0x80,
        1,
        ...Array(8).fill(0),
      ),
    )
  );
  assertEquals(
    addressesOf(await resolverOf(upstream).resolve(QUESTION)),
    [RIGHT],
  );
  const edns = upstream.asked.map(({ query }) => query.edns !== undefined);
  assertEquals(edns, [true, false]);
});

Deno.test("AnswerLimits lets an address have its answers, then sends every second query to TCP", () => {
  // One at once, and the next in a quarter of an hour.
  const limits = new AnswerLimits(0.001);
  const judge = (hostname: string) =>
    limits.judge({ transport: "udp", hostname, port: 1 });
  const verdicts = Array.from({ length: 5 }, () => judge("192.0.2.1"));
  assertEquals(verdicts, ["answer", "drop", "truncate", "drop", "truncate"]);
  assertEquals(judge("192.0.2.2"), "answer");
  // All addresses of one customer are one.
  assertEquals(judge("2001:db8::1"), "answer");
  assertEquals(judge("2001:db8::2"), "drop");
  // What it remembers is bounded: the oldest addresses are forgotten.
  for (let i = 0; i < 10_000; i++) judge(`10.0.${i >> 8}.${i & 255}`);
  assertEquals(judge("192.0.2.1"), "answer");
});

Deno.test("Networks has this machine and those of its list", () => {
  const networks = new Networks("192.0.2.0/24, 2001:db8::/32,198.51.100.7");
  const inside = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.255"];
  for (const each of [...inside, "2001:db8:1::2", "198.51.100.7"]) {
    assert(networks.has(each), each);
  }
  for (const each of ["192.0.3.0", "2001:db9::", "198.51.100.8", "", "a"]) {
    assert(!networks.has(each), each);
  }
  for (const text of ["10.0.0.0/33", "10/8", "a", "::1/129", "10.0.0.1/"]) {
    let thrown: unknown;
    try {
      new Networks(text);
    } catch (error) {
      thrown = error;
    }
    assert(thrown instanceof RangeError, text);
  }
});

Deno.test(
  "askServer() over TCP waits for no server that hangs, beyond its limit",
  {
    timeout,
  },
  async () => {
    await using server = serve(
      { port: 0, onError() {} },
      async (_, context) => {
        await new Promise((resolve) =>
          context.signal.addEventListener("abort", resolve)
        );
      },
    );
    const began = performance.now();
    await assertRejects(
      () =>
        askServer(QUESTION, {
          server: { hostname: "127.0.0.1", port: server.addr.port },
          tcp: true,
          timeoutMs: 100,
        }),
      TimeoutError,
    );
    // A graceful close would wait for five seconds.
    assert(performance.now() - began < 4_000);
    await server.shutdown({ timeoutMs: 0 });
  },
);
