/**
 * Listening with TLS: handshakes in the background, and side by side.
 *
 * @module
 */

import {
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
} from "@std/assert";
import { BusyError, ClosedError, TimeoutError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/listen.ts";
import type { ListenerEvent } from "../../lib/server/events.ts";
import { connect } from "../../lib/socket/connect.ts";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { createAuthority } from "../_support/certificates.ts";
import { isSettled, TIMEOUT, turn } from "../_support/sockets.ts";
import { dial, until } from "./_clients.ts";

const authority = await createAuthority();
const tls = await authority.issue();
const caCerts = [authority.cert];

Deno.test(
  "listen({ tls }) yields sockets that have finished their handshake",
  TIMEOUT,
  async () => {
    const events: ListenerEvent[] = [];
    await using listener = listen({
      port: 0,
      tls: { ...tls, alpnProtocols: ["b", "a"] },
      onEvent: (event) => void events.push(event),
    });
    const accepting = listener.accept();
    using client = await connect({
      port: listener.addr.port,
      tls: { caCerts, alpnProtocols: ["a"] },
    });
    using socket = (await accepting)!;
    assertEquals([socket.alpnProtocol, client.alpnProtocol], ["a", "a"]);
    const { remoteAddr } = socket;
    assertEquals(events, [{ type: "tls", remoteAddr, alpnProtocol: "a" }]);
    await client.write("hello\n");
    assertEquals(await socket.readLine(), "hello");
  },
);

Deno.test(
  "listen({ tls }) lets silent clients wait beside the others, within handshakeTimeoutMs",
  TIMEOUT,
  async () => {
    const failed: unknown[] = [];
    await using listener = listen({
      port: 0,
      tls: { ...tls, dropSilent: true },
      handshakeTimeoutMs: 2_000,
      onEvent(event) {
        if (event.type === "tls-failed") failed.push(event.error);
      },
    });
    const accepting = listener.accept();
    const silent = await Promise.all([1, 2, 3].map(() => dial(listener)));
    const started = performance.now();
    using _client = await connect({
      port: listener.addr.port,
      tls: { caCerts },
    });
    using _socket = (await accepting)!;
    assertLess(performance.now() - started, 1_900);
    for (const client of silent) {
      assertEquals(await client.read().catch(() => null), null);
      client.abort();
    }
    await until(() => failed.length === 3);
    for (const error of failed) assertInstanceOf(error, TimeoutError);
  },
);

/** A listener whose clients shake hands when they are told to. */
function handshakes() {
  const acceptor = new MemoryAcceptor("handshakes", () => {});
  const events: ListenerEvent[] = [];
  const onEvent = (event: ListenerEvent) => void events.push(event);
  const listener = listen({ acceptor, onEvent });
  const counts = { begun: 0 };
  const offer = () => {
    const [near, far] = memoryTransportPair();
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => {});
    const close = near.close.bind(near);
    const offered = acceptor.offer(Object.assign(near, {
      handshake: () => (counts.begun++, done.promise),
      close() {
        done.reject(new Deno.errors.Interrupted("operation canceled"));
        close();
      },
    }));
    return { near, far, done, offered };
  };
  return { acceptor, counts, events, listener, offer };
}

Deno.test(
  "clients are handed out in the order of their handshakes",
  TIMEOUT,
  async () => {
    const { listener, offer } = handshakes();
    const clients = [offer(), offer(), offer()];
    const first = listener.accept();
    await turn();
    assertEquals(await isSettled(first), false);
    clients[2].done.resolve();
    using a = (await first)!;
    clients[0].done.resolve();
    clients[1].done.resolve();
    using b = (await listener.accept())!;
    using c = (await listener.accept())!;
    const addrs = [a, b, c].map(({ localAddr }) => localAddr);
    assertEquals(addrs, [2, 0, 1].map((i) => clients[i].near.localAddr));
    await listener.close();
  },
);

Deno.test(
  "at most 256 clients shake hands or wait to be accepted",
  TIMEOUT,
  async () => {
    const { counts, listener, offer } = handshakes();
    const accepting = listener.accept();
    const clients: ReturnType<typeof offer>[] = [];
    for (let i = 0; i < 300; i++) {
      clients.push(offer());
      if (i % 50 === 0) await turn();
    }
    for (let i = 0; i < 600; i++) await null;
    await turn();
    assertEquals(counts.begun, 256);
    // One is done: the next one may begin once another accept waits.
    clients[7].done.resolve();
    (await accepting)!.abort();
    const next = listener.accept();
    await turn();
    assertEquals(counts.begun, 257);
    await listener.close();
    assertEquals(await next, null);
    for (const { far } of clients) far.close();
  },
);

Deno.test(
  "close() of a listener ends handshakes, and what was not accepted",
  TIMEOUT,
  async () => {
    const { listener, offer, events } = handshakes();
    const [silent, done, late] = [offer(), offer(), offer()];
    const accepting = listener.accept();
    await turn();
    // Two are done before a second accept: one is handed out, the other waits.
    done.done.resolve();
    late.done.resolve();
    using socket = (await accepting)!;
    await turn();
    await listener.close();
    assertEquals(await listener.accept(), null);
    const buffer = new Uint8Array(1);
    assertEquals(await silent.far.read(buffer), null);
    assertEquals(await late.far.read(buffer), null);
    await socket.write("x");
    assertEquals(await done.far.read(buffer), 1);
    await until(() => events.length === 3);
    const last = events[2];
    assertEquals(last.type, "tls-failed");
    if (last.type === "tls-failed") assertInstanceOf(last.error, ClosedError);
  },
);

Deno.test(
  "a hook that closes the listener when a handshake is done leaves no connection open",
  TIMEOUT,
  async () => {
    for (const waits of [true, false]) {
      const acceptor = new MemoryAcceptor("closing", () => {});
      const listener = listen({
        acceptor,
        onEvent({ type }) {
          if (type === "tls") listener.close();
        },
      });
      const done = Promise.withResolvers<void>();
      const [near, far] = memoryTransportPair();
      acceptor.offer(Object.assign(near, { handshake: () => done.promise }));
      const controller = new AbortController();
      const accepting = listener.accept(controller).catch(() => null);
      await turn();
      if (!waits) controller.abort();
      done.resolve();
      assertEquals(await accepting, null);
      assertEquals(await far.read(new Uint8Array(1)), null);
      far.close();
    }
  },
);

Deno.test(
  "suspend() holds back clients that are done, too",
  TIMEOUT,
  async () => {
    const { listener, offer } = handshakes();
    const client = offer();
    const accepting = listener.accept();
    await turn();
    listener.suspend();
    client.done.resolve();
    assertEquals(await isSettled(accepting), false);
    listener.resume();
    (await accepting)!.abort();
    await listener.close();
  },
);

Deno.test("an accept that a limit ends loses no client", TIMEOUT, async () => {
  for (const kind of ["tls", "plain"]) {
    const { listener, offer, acceptor } = handshakes();
    const signal = AbortSignal.timeout(5);
    const error = await assertRejects(() => listener.accept({ signal }));
    assertEquals(error, signal.reason);
    await assertRejects(
      () => listener.accept({ timeoutMs: 5 }),
      TimeoutError,
      "Cannot accept within 5 ms",
    );
    await assertRejects(
      () => listener.accept({ deadline: Deadline.after(0) }),
      TimeoutError,
    );
    const aborted = AbortSignal.abort(new Error("before"));
    await assertRejects(
      () => listener.accept({ signal: aborted }),
      Error,
      "before",
    );
    await assertRejects(() => listener.accept({ timeoutMs: 0 }), RangeError);

    // It comes in the very moment in which the call is cut off.
    const controller = new AbortController();
    const cut = assertRejects(() =>
      listener.accept({ signal: controller.signal })
    );
    await turn();
    const [plain] = memoryTransportPair();
    if (kind === "plain") acceptor.offer(plain);
    else offer().done.resolve();
    controller.abort();
    await cut;
    using socket = (await listener.accept({ timeoutMs: 1_000 }))!;
    if (kind === "plain") assertEquals(socket.localAddr, plain.localAddr);
    await listener.close();
  }
});

Deno.test(
  "one accept at a time is allowed, with TLS as without",
  TIMEOUT,
  async () => {
    const { listener, offer } = handshakes();
    const client = offer();
    const first = listener.accept();
    await assertRejects(() => listener.accept(), BusyError, "Cannot accept");
    client.done.resolve();
    (await first)!.abort();
    await listener.close();
  },
);

Deno.test(
  "await using closes a listener and frees its port",
  TIMEOUT,
  async () => {
    let port: number;
    {
      await using listener = listen({ port: 0 });
      port = listener.addr.port;
      const accepting = listener.accept();
      await turn();
      accepting.then((socket) => assertEquals(socket, null));
    }
    await using again = listen({ port });
    assertEquals(again.addr.port, port);
  },
);
