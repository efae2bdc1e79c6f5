/**
 * Parts that users bring, and that break their contracts: transports, acceptors, decoders
 * and hooks. One connection's trouble at most, never the server's.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  type AcceptedTransport,
  type Acceptor,
  type Codec,
  framed,
  lines,
  type MemoryAddr,
  serve,
  type ServerEvent,
  Socket,
  SocketError,
  type Transport,
} from "@sluice/net";
import { memoryTransportPair } from "@sluice/net/testing";
import { echo } from "./_bad_day_server.ts";
import { type Random, SEED, seededRandom } from "./_random.ts";
import { beginReport } from "./_report.ts";

const timeout = 30_000;
const report = beginReport("bad parts");

const pick = <T>(random: Random, choices: readonly T[]): T =>
  choices[Math.floor(random() * choices.length)];

/** What a method may do instead of what it should. */
const MISDEEDS: readonly ((closed: Promise<void>) => unknown)[] = [
  () => {
    throw new Error("thrown");
  },
  () => {
    // deno-lint-ignore no-throw-literal -- what a user's code may do
    throw undefined;
  },
  () => Promise.reject(new Error("rejected")),
  () => Promise.reject(null),
  () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
  () => Promise.resolve(undefined),
  () => Promise.resolve(-1),
  () => Promise.resolve(0),
  () => Promise.resolve(NaN),
  () => Promise.resolve(1.5),
  () => Promise.resolve(1e9),
  () => Promise.resolve("text"),
  // Never, and only once it was closed.
  () => new Promise(() => {}),
  (closed) => closed,
  (closed) => closed.then(() => Promise.reject(new Error("late"))),
];

/** A transport of which some calls do something else than they should. */
function badTransport(
  inner: Transport,
  random: Random,
  rate: number,
): AcceptedTransport {
  const closed = Promise.withResolvers<void>();
  const maybe = <T>(call: () => T): T => {
    if (random() >= rate) return call();
    report.faults++;
    return pick(random, MISDEEDS)(closed.promise) as T;
  };
  const transport: AcceptedTransport = {
    localAddr: inner.localAddr,
    remoteAddr: inner.remoteAddr,
    read: (p) => maybe(() => inner.read(p)),
    write: (p) => maybe(() => inner.write(p)),
    closeWrite: () => maybe(() => inner.closeWrite()),
    close() {
      closed.resolve();
      inner.close();
      if (random() < rate) throw new Error("close");
      // It should return nothing, whatever its author made of that.
      if (random() < rate) return Promise.reject(new Error("close")) as never;
    },
  };
  if (random() < 0.3) {
    transport.handshake = () => maybe(() => Promise.resolve());
  }
  return transport;
}

/** Gives what it is offered, and now and then does something else. */
class BadAcceptor implements Acceptor<MemoryAddr> {
  readonly addr = { transport: "memory", name: "bad" } as const;
  readonly #random: Random;
  readonly #waiting: AcceptedTransport[] = [];
  #pending: PromiseWithResolvers<AcceptedTransport> | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  offer(transport: AcceptedTransport): void {
    if (this.#pending === undefined) this.#waiting.push(transport);
    else this.#pending.resolve(transport);
    this.#pending = undefined;
  }

  accept(): Promise<AcceptedTransport> {
    if (this.#random() < 0.1) {
      report.faults++;
      // Not those that never settle: an acceptor that hangs accepts no one.
      return pick(this.#random, MISDEEDS.slice(0, 12))(
        Promise.resolve(),
      ) as Promise<AcceptedTransport>;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#pending = Promise.withResolvers();
    return this.#pending.promise;
  }

  close(): void {
    this.#pending?.reject(new Deno.errors.BadResource("closed"));
    if (this.#random() < 0.5) throw new Error("close");
  }
}

/** A client that sends lines and reads them back; gives how many came back right. */
async function visit(transport: Transport, count: number): Promise<number> {
  using socket = new Socket(transport, { closeTimeoutMs: 200 });
  const connection = framed(socket, lines());
  let right = 0;
  try {
    for (let i = 0; i < count; i++) {
      const line = `line ${i} ${"x".repeat(i * 100)}`;
      await connection.send(line, { timeoutMs: 1_000 });
      if (await connection.receive({ timeoutMs: 1_000 }) !== line) break;
      right++;
    }
    await socket.close();
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  }
  return right;
}

Deno.test(
  "transports and acceptors that break their contracts end no server, and no other connection",
  {
    timeout,
  },
  async () => {
    const random = seededRandom(SEED * 100 + 1);
    for (let round = 0; round < 4; round++) {
      const acceptor = new BadAcceptor(random);
      const events: ServerEvent[] = [];
      const errors: unknown[] = [];
      const server = serve({
        acceptor,
        handshakeTimeoutMs: 50,
        idleMs: 100,
        writeMs: 100,
        closeTimeoutMs: 100,
        onEvent: (event) => void events.push(event),
        onError: (error) => void errors.push(error),
      }, echo);
      const visits = Array.from({ length: 60 }, async (_, i) => {
        const [near, far] = memoryTransportPair({ seed: SEED + i });
        const good = i % 4 === 0;
        acceptor.offer(good ? near : badTransport(near, random, 0.1));
        report.connections++;
        const right = await visit(far, 10);
        if (good) {
          report.bytesAcknowledged += 10;
          report.bytesLost += 10 - right;
          assertEquals(right, 10, `connection ${i}`);
        }
      });
      await Promise.all(visits);
      while (server.stats.active + server.stats.handshakes > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const { accepted, rejected } = server.stats;
      assertEquals(accepted + rejected, 60);
      const shutdown = await server.shutdown();
      assertEquals(shutdown, { completed: 0, aborted: 0, handshakes: 0 });
      await server.closed;
      assertEquals(
        events.filter(({ type }) => type === "closed").length,
        accepted,
      );
      for (const error of errors) {
        assert(error instanceof SocketError, Deno.inspect(error));
      }
    }
  },
);

/** Decoders that break their contract, each in its way. */
const BAD_DECODERS: Record<string, Codec<unknown>["decoder"]> = {
  "throws nothing": () => ({
    decode() {
      // deno-lint-ignore no-throw-literal -- what a user's code may do
      throw undefined;
    },
  }),
  "throws at the second frame": () => {
    let calls = 0;
    return {
      decode(bytes) {
        if (++calls > 1) throw new Error("bad decoder");
        return bytes.length > 0 ? bytes.take(1) : undefined;
      },
    };
  },
  "makes frames of nothing": () => ({ decode: () => "frame" }),
  "takes all and gives nothing": () => ({
    decode: (bytes) => void bytes.takeAll(),
  }),
  "takes nothing and gives nothing": () => ({ decode: () => undefined }),
  "takes more than there is": () => ({
    decode: (bytes) => bytes.take(bytes.length + 1),
  }),
  "gives null": () => ({
    decode: (bytes) => bytes.length > 0 ? (bytes.take(1), null) : undefined,
  }),
  "gives promises": () => ({
    decode: (bytes) =>
      bytes.length > 0
        ? (bytes.takeAll(), Promise.reject(new Error("in a frame")))
        : undefined,
  }),
  "has no decode": () => ({} as ReturnType<Codec<unknown>["decoder"]>),
  "throws at the end": () => ({
    decode: () => undefined,
    finish() {
      throw new Error("bad finish");
    },
  }),
  "never comes to an end": () => ({
    decode: () => undefined,
    finish: () => "frame",
  }),
};

Deno.test(
  "decoders that break their contract end their own connection, and nothing else",
  {
    timeout,
  },
  async () => {
    for (const [how, decoder] of Object.entries(BAD_DECODERS)) {
      const bad: Codec<unknown> = {
        decoder,
        encoder: () => ({ encode() {} }),
      };
      const acceptor = new BadAcceptor(() => 1);
      let frames = 0;
      const server = serve({
        acceptor,
        idleMs: 100,
        closeTimeoutMs: 100,
        onError: () => {},
      }, async (socket, context) => {
        if (await socket.readLine() === "good") {
          await echo(socket, context);
          return;
        }
        for await (const frame of framed(socket, bad)) {
          frames++;
          // One that is a promise that rejects is the handler's to handle.
          if (frame instanceof Promise) {
            frame.catch(() => {});
          }
        }
      });
      const heapBefore = Deno.memoryUsage().heapUsed;
      const dial = async (word: string) => {
        const [near, far] = memoryTransportPair({ seed: SEED });
        acceptor.offer(near);
        report.connections++;
        const socket = new Socket(far, { closeTimeoutMs: 200 });
        await socket.write(`${word}\n`);
        return socket;
      };
      const doomed = await dial("bad");
      report.badInputs++;
      doomed.write("some bytes that are no frame").catch(() => {});
      await doomed.closeWrite().catch(() => {});
      // Ended, by the server or by its idle limit; never held.
      await doomed.read({ timeoutMs: 10_000 }).catch(() => null);
      doomed.abort();
      await using good = await dial("good");
      const connection = framed(good, lines());
      await connection.send("still there");
      assertEquals(await connection.receive(), "still there", how);
      assertLess(frames, 10_000_000, how);
      assertLess(Deno.memoryUsage().heapUsed - heapBefore, 200 * 1024 * 1024);
      good.abort();
      await server.shutdown({ timeoutMs: 1_000 });
    }
  },
);

Deno.test("hooks that misbehave break nothing but what they mean to", {
  timeout,
}, async () => {
  const random = seededRandom(SEED * 100 + 3);
  const { error } = console;
  let printed = 0;
  console.error = () => void printed++;
  try {
    const acceptor = new BadAcceptor(() => 1);
    let [aborted, misdeeds] = [0, 0];
    const hooks: readonly ((event: ServerEvent) => unknown)[] = [
      () => {
        throw new Error("hook");
      },
      () => Promise.reject(new Error("hook")),
      () => Promise.reject(undefined),
      // A thenable of another library's.
      () => ({ then: (_: unknown, reject: (e: unknown) => void) => reject(1) }),
      () => new Promise(() => {}),
    ];
    const server = serve({
      acceptor,
      onEvent(event) {
        if (event.type === "accepted" && random() < 0.2) {
          aborted++;
          event.socket.abort();
        }
        if (random() < 0.5) return undefined;
        misdeeds++;
        report.faults++;
        return pick(random, hooks)(event);
      },
      onError: () => pick(random, hooks.slice(0, 4))({} as ServerEvent),
    }, async (socket, context) => {
      if (random() < 0.2) throw new Error("handler");
      await echo(socket, context);
    });
    let right = 0;
    for (let i = 0; i < 100; i++) {
      const [near, far] = memoryTransportPair();
      acceptor.offer(near);
      report.connections++;
      if (await visit(far, 3) === 3) right++;
    }
    const { accepted, failed } = server.stats;
    assertEquals(accepted, 100);
    assertEquals(right, accepted - failed - aborted);
    assertGreater(right, 20);
    assertGreater(aborted, 0);
    assertGreater(misdeeds, 50);
    await server.shutdown();
    assertGreater(printed, 20);
  } finally {
    console.error = error;
  }
});
