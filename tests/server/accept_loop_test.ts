import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import { BrokenError, BusyError } from "../../lib/errors.ts";
import { AcceptLoop } from "../../lib/server/_accept_loop.ts";
import type {
  AcceptedTransport,
  Acceptor,
} from "../../lib/transport/options.ts";
import {
  type MemoryTransport,
  memoryTransportPair,
} from "../../lib/transport/memory.ts";
import { FakeTime } from "../time/_fake_time.ts";
import { isSettled, outcome, pass, turn } from "../_support/sockets.ts";

/** Gives what it is told to: transports and errors, in turn. */
class FakeAcceptor implements Acceptor {
  readonly addr = { transport: "memory", name: "fake" } as const;
  ready: Promise<void> | undefined;
  accepts = 0;
  closes = 0;
  readonly #script: (AcceptedTransport | Error)[] = [];
  #pending: PromiseWithResolvers<AcceptedTransport> | undefined;

  give(...script: (AcceptedTransport | Error)[]): void {
    this.#script.push(...script);
    this.#serve();
  }

  accept(): Promise<AcceptedTransport> {
    this.accepts++;
    this.#pending = Promise.withResolvers();
    const { promise } = this.#pending;
    this.#serve();
    return promise;
  }

  close(): void {
    this.closes++;
    this.#pending?.reject(new Deno.errors.BadResource("Bad resource ID"));
  }

  #serve(): void {
    if (this.#pending === undefined) return;
    const next = this.#script.shift();
    if (next === undefined) return;
    const { resolve, reject } = this.#pending;
    this.#pending = undefined;
    if (next instanceof Error) reject(next);
    else resolve(next);
  }
}

const client = (): MemoryTransport => memoryTransportPair()[0];
const left = () => new Deno.errors.NotConnected("Socket not connected");
const shortage = () =>
  Object.assign(new Error("Too many open files (os error 24)"), {
    code: "EMFILE",
  });

function makeLoop() {
  const acceptor = new FakeAcceptor();
  const failures: [string, number][] = [];
  const closeErrors: unknown[] = [];
  const loop = new AcceptLoop(acceptor, {
    onAcceptError(error, retryMs) {
      assertInstanceOf(error, BrokenError);
      assertEquals(error.operation, "accept");
      failures.push([error.reason, retryMs]);
    },
    onCloseError: (error) => void closeErrors.push(error),
  });
  return { acceptor, loop, failures, closeErrors };
}

Deno.test("a client that left in the backlog is passed over without a pause", async () => {
  const { acceptor, loop, failures } = makeLoop();
  const [first, second] = [client(), client()];
  acceptor.give(left(), left(), first, left(), second);
  assertEquals(await loop.next(), first);
  assertEquals(await loop.next(), second);
  assertEquals(failures, [["reset", 0], ["reset", 0], ["reset", 0]]);
  await loop.close();
});

Deno.test("an acceptor that fails as if clients left, without end, starves nothing", async () => {
  const { acceptor, loop } = makeLoop();
  let failures = 0;
  acceptor.accept = () => {
    failures++;
    return Promise.reject(left());
  };
  const next = loop.next();
  // Were it asked again at once for ever, this would never go on.
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(failures > 64);
  await loop.close();
  assertEquals(await next, undefined);
});

Deno.test("a shortage makes pauses that grow to a second, and end with a client", async () => {
  using time = FakeTime.install();
  const { acceptor, loop, failures } = makeLoop();
  const [first, second] = [client(), client()];
  acceptor.give(...Array.from({ length: 10 }, shortage), first);
  const next = loop.next();
  for (let ms = 0; ms < 5_000; ms++) await pass(time, 1);
  assertEquals(await next, first);
  const pauses = [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000];
  assertEquals(failures, pauses.map((ms) => ["exhausted", ms]));
  // The next shortage starts from the first pause again.
  acceptor.give(shortage(), second);
  const later = loop.next();
  await pass(time, 0);
  assertEquals(await isSettled(later), false);
  await pass(time, 5);
  assertEquals(await later, second);
  assertEquals(failures.at(-1), ["exhausted", 5]);
  await loop.close();
  assertEquals(time.pending, 0);
});

Deno.test("close() ends a pause, an accept and a suspension", async () => {
  using time = FakeTime.install();
  for (const state of ["pause", "accept", "suspended"]) {
    const { acceptor, loop } = makeLoop();
    if (state === "pause") acceptor.give(shortage());
    if (state === "suspended") loop.suspend();
    const next = loop.next();
    await turn();
    await loop.close();
    await loop.close();
    assertEquals([await next, acceptor.closes], [undefined, 1], state);
    assertEquals([await loop.next(), loop.closed], [undefined, true]);
    loop.suspend();
    assertEquals(await loop.next(), undefined);
  }
  assertEquals(time.pending, 0);
});

Deno.test("suspend() keeps the client that comes, and resume() hands it out", async () => {
  const { acceptor, loop } = makeLoop();
  const next = loop.next();
  await turn();
  loop.suspend();
  const first = client();
  acceptor.give(first);
  assertEquals(await isSettled(next), false);
  loop.resume();
  assertEquals(await next, first);
  loop.suspend();
  loop.suspend();
  const later = loop.next();
  await turn();
  // No client is taken out of the system's backlog meanwhile.
  assertEquals(acceptor.accepts, 1);
  loop.resume();
  acceptor.give(client());
  assert(await later);
  await loop.close();
});

Deno.test("close() turns away the client that was kept", async () => {
  const { acceptor, loop } = makeLoop();
  const next = loop.next();
  loop.suspend();
  const [near, far] = memoryTransportPair();
  acceptor.give(near);
  await turn();
  await loop.close();
  assertEquals(await next, undefined);
  assertEquals(await far.read(new Uint8Array(1)), null);
});

Deno.test("the loop ends when the acceptor is closed from outside", async () => {
  const { acceptor, loop, failures } = makeLoop();
  const next = loop.next();
  await turn();
  acceptor.close();
  assertEquals(await next, undefined);
  assertEquals([loop.closed, failures], [true, []]);
});

Deno.test("one accept at a time is allowed", async () => {
  const { acceptor, loop } = makeLoop();
  const first = loop.next();
  const error = await assertRejects(() => loop.next(), BusyError);
  assertEquals(error.operation, "accept");
  acceptor.give(client());
  assert(await first);
  await loop.close();
});

Deno.test("an address that cannot be had ends the loop with the reason", async () => {
  const acceptor = new FakeAcceptor();
  acceptor.ready = Promise.reject(new Deno.errors.AddrInUse("in use"));
  const loop = new AcceptLoop(acceptor, {
    onAcceptError: () => {},
    onCloseError: () => {},
  });
  const error = await assertRejects(() => loop.next(), BrokenError);
  assertEquals([error.reason, error.operation], ["in-use", "listen"]);
  assertEquals(await outcome(loop.ready), error);
  assertEquals(loop.closed, true);
});
