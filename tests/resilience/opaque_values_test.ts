/**
 * What is thrown, or the reason of a signal, may be anything: also what throws when it is
 * looked at. It ends the call that it belongs to, as any other value does, and nothing else.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, framed, lines, listen, serve, Socket } from "@sluice/net";
import { Pool, reconnect, Requests } from "@sluice/net/client";
import { datagram } from "@sluice/net/datagram";
import {
  memoryNetwork,
  memoryPair,
  memoryTransportPair,
} from "@sluice/net/testing";
import { createAuthority } from "../_support/certificates.ts";
import { TIMEOUT } from "../_support/sockets.ts";

const addr = { transport: "memory", name: "opaque" } as const;

function revoked(value: object): object {
  const { proxy, revoke } = Proxy.revocable(value, {});
  revoke();
  return proxy;
}

function errorWithoutText(): Error {
  const error = new Error();
  for (const name of ["name", "message", "stack", "cause", "code"]) {
    Object.defineProperty(error, name, {
      get() {
        throw new Error("asked for its text");
      },
    });
  }
  return error;
}

const VALUES: Record<string, () => unknown> = {
  "a revoked Proxy": () => revoked({}),
  "a revoked Proxy of an error": () => revoked(new Error()),
  "an error whose properties throw": errorWithoutText,
};

/**
 * What a call rejects with, which must not throw; in an array, as a promise looks at what it
 * resolves to.
 */
async function reasonOf(call: () => Promise<unknown>): Promise<[unknown]> {
  const promise = call();
  try {
    await promise;
  } catch (error) {
    return [error];
  }
  throw new Error("it did not reject");
}

/** The same value: `assertStrictEquals` would show it. */
function assertSame([actual]: [unknown], expected: unknown, what: string) {
  assert(Object.is(actual, expected), what);
}

for (const [name, make] of Object.entries(VALUES)) {
  Deno.test(`the reason of a signal may be ${name}`, TIMEOUT, async () => {
    const network = memoryNetwork();
    const backend = network.datagrams();
    await using udp = await datagram({ port: 0, backend });
    await using peer = await udp.peer({ hostname: "127.0.0.1", port: 9 });
    using sockets = new DisposableStack();
    const left = () =>
      sockets.adopt(memoryPair()[0], (socket) => socket.abort());
    type Call = (options: { signal: AbortSignal }) => Promise<unknown>;
    const requests = () => {
      const connection = framed(left(), lines());
      return new Requests(connection, { match: "order" });
    };
    const calls: Record<string, Call> = {
      read: (options) => left().read(options),
      peek: (options) => left().peek(1, options),
      receive: (options) => framed(left(), lines()).receive(options),
      startTls: (options) => left().startTls(options),
      "peer.request": (options) =>
        peer.request("x", { ...options, accept: () => true }),
    };
    for (const [what, call] of Object.entries(calls)) {
      for (const isEarly of [true, false]) {
        const controller = new AbortController();
        const reason = make();
        if (isEarly) controller.abort(reason);
        const { signal } = controller;
        const rejected = reasonOf(() => call({ signal }));
        controller.abort(reason);
        assertSame(await rejected, reason, what);
      }
    }
    // It is the cause of an error that says whether the request was sent.
    const controller = new AbortController();
    const reason = make();
    const rejected = reasonOf(() =>
      requests().request("x", { signal: controller.signal })
    );
    controller.abort(reason);
    const [error] = await rejected;
    assertSame([(error as Error).cause], reason, "request");
  });

  Deno.test(`a dialer may reject with ${name}`, TIMEOUT, async () => {
    const value = make();
    const dialer = { addr, dial: () => Promise.reject(value) };
    const rejected = reasonOf(() =>
      connect({ dialer, retry: { minDelayMs: 1, attempts: 2 } })
    );
    assertSame(await rejected, value, "retry");
    const hosts = [1, 2].map((port) => ({ hostname: "127.0.0.1", port }));
    const error = await assertRejects(() => connect({ dialer, hosts }), Error);
    const { errors } = error.cause as AggregateError;
    for (const each of errors) assertSame([each], value, "hosts");

    const link = reconnect({
      open: dialer.dial,
      retry: { retryIf: () => true, minDelayMs: 60_000 },
    }, () => {});
    await new Promise((resolve) => {
      link.onEvent = ({ type }) => type === "waiting" && resolve(type);
    });
    await assertRejects(() => link.connected({ timeoutMs: 1 }), Error, "last");
    await link.close();
    const pool = new Pool({ open: dialer.dial });
    assertSame(await reasonOf(() => pool.acquire()), value, "pool");
    await pool.close();
  });

  Deno.test(
    `a session may abort its socket with ${name}`,
    TIMEOUT,
    async () => {
      const value = make();
      const link = reconnect(
        { open: () => memoryPair()[0], retry: { attempts: 1 } },
        async (socket, { signal }) => {
          socket.abort(value);
          await socket.closed;
          assert(signal.aborted);
          throw value;
        },
      );
      const outcome = await link.ended;
      assert(outcome.endedBy === "error");
      assertSame([outcome.error], value, "outcome");
    },
  );

  Deno.test(`an acceptor may reject with ${name}`, TIMEOUT, async () => {
    for (const isServer of [true, false]) {
      const ends = memoryTransportPair();
      const accepts = [
        () => Promise.reject(make()),
        () => Promise.resolve(ends[1]),
      ];
      const closing = Promise.withResolvers<never>();
      closing.promise.catch(() => {});
      const acceptor = {
        addr,
        accept: () => accepts.shift()?.() ?? closing.promise,
        close() {
          closing.reject(new Deno.errors.BadResource());
          throw make();
        },
      };
      const client = new Socket(ends[0]);
      if (isServer) {
        await using _server = serve(
          { acceptor },
          (socket) => socket.write("x"),
        );
        assertEquals((await client.read())?.length, 1);
        client.abort();
      } else {
        await using listener = listen({ acceptor });
        (await listener.accept())!.abort();
        assertEquals(await client.read(), null);
        client.abort();
      }
    }
  });

  Deno.test(
    `TLS over a transport may reject with ${name}`,
    TIMEOUT,
    async () => {
      const tls = await (await createAuthority()).issue();
      for (const failing of ["read", "write"]) {
        const [end] = memoryTransportPair();
        const transport = {
          read: (p: Uint8Array) => end.read(p),
          write: (p: Uint8Array) => end.write(p),
          closeWrite: () => end.closeWrite(),
          close: () => end.close(),
          localAddr: addr,
          remoteAddr: addr,
          [failing]: () => Promise.reject(make()),
        };
        const socket = new Socket(transport);
        const starting = failing === "read"
          ? socket.acceptTls(tls)
          : socket.startTls();
        await assertRejects(() => starting, Error);
        await socket.closed;
      }
    },
  );
}
