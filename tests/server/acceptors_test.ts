/**
 * Acceptors of the user's that throw, reject, hang or give nonsense.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertThrows,
} from "@std/assert";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { serve } from "../../lib/server/serve.ts";
import type { ServerEvent } from "../../lib/server/events.ts";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";
import {
  type MemoryTransport,
  memoryTransportPair,
} from "../../lib/transport/memory.ts";
import type {
  AcceptedTransport,
  Transport,
} from "../../lib/transport/options.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { textOf, TIMEOUT, turn } from "../_support/sockets.ts";
import { until } from "./_clients.ts";

const failure = new Error("a bug in the acceptor");
const REPORT = { completed: 0, aborted: 0, handshakes: 0 };

const CLOSES: Record<string, (close: () => void) => unknown> = {
  throws: () => {
    throw failure;
  },
  "closes and throws": (close) => {
    close();
    throw failure;
  },
  rejects: () => Promise.reject(failure),
  "never settles": () => new Promise(() => {}),
  "does not end its accept": () => {},
};

for (const [how, close] of Object.entries(CLOSES)) {
  Deno.test(`an acceptor whose close() ${how} ends no shutdown`, {
    ...TIMEOUT,
    // What the acceptor never ends is its own.
    sanitizeOps: false,
  }, async () => {
    for (const make of ["serve", "listen"] as const) {
      const acceptor = new MemoryAcceptor("bad close", () => {});
      const inner = acceptor.close.bind(acceptor);
      acceptor.close = () => close(inner) as void;
      const events: unknown[] = [];
      const onEvent = (event: ServerEvent) => {
        if (event.type === "close-error") events.push(event.error);
      };
      const started = performance.now();
      if (make === "serve") {
        const server = serve({ acceptor, onEvent }, () => {});
        await turn();
        assertEquals(await server.shutdown(), REPORT);
        await server.closed;
      } else {
        const listener = listen({ acceptor, onEvent });
        const accepting = listener.accept();
        await listener.close();
        if (how === "closes and throws") assertEquals(await accepting, null);
        await listener.close();
      }
      assertLess(performance.now() - started, 5_000);
      assertEquals(events.length, 1, `${make}: ${events}`);
      if (!how.includes(" ")) assertEquals(events, [failure]);
    }
  });
}

Deno.test("a Unix socket whose folder was replaced ends no shutdown", {
  ...TIMEOUT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const replaced of ["gone", "a file"]) {
      await Deno.mkdir(`${folder}/run`);
      const path = `${folder}/run/socket`;
      const server = serve({ path }, () => {});
      await server.ready;
      await Deno.remove(`${folder}/run`, { recursive: true });
      if (replaced === "a file") await Deno.writeTextFile(`${folder}/run`, "");
      assertEquals(await server.shutdown(), REPORT);
      await server.closed;
      if (replaced === "a file") await Deno.remove(`${folder}/run`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const NONSENSE: Record<string, (transport: AcceptedTransport) => unknown> = {
  "undefined": () => undefined,
  "null": () => null,
  "a number": () => 5,
  "an object without methods": () => ({}),
  "a connection without addresses": ({ read, write, closeWrite, close }) => ({
    read,
    write,
    closeWrite,
    close,
  }),
  "a connection whose address throws": (transport) =>
    Object.defineProperty(transport, "remoteAddr", {
      get() {
        throw failure;
      },
    }),
  "a connection whose host is no text": (transport) =>
    Object.defineProperty(transport, "remoteAddr", {
      value: { transport: "tcp", hostname: undefined, port: 1 },
    }),
  "a connection whose handshake throws where it is asked for": (transport) =>
    Object.defineProperty(transport, "handshake", {
      get() {
        throw failure;
      },
    }),
  "a connection whose handshake is null": (transport) =>
    Object.assign(transport, { handshake: null }),
  "a rejection": () => Promise.reject(failure),
  "a rejection with nothing": () => Promise.reject(undefined),
};

for (const [what, give] of Object.entries(NONSENSE)) {
  Deno.test(
    `an acceptor that gives ${what} is asked again`,
    TIMEOUT,
    async () => {
      const acceptor = new MemoryAcceptor("nonsense", () => {});
      const inner = acceptor.accept.bind(acceptor);
      let [bad, closed] = [3, 0];
      acceptor.accept = async () => {
        const transport = await inner();
        if (bad-- <= 0) return transport;
        const close = transport.close.bind(transport);
        return await give(Object.assign(transport, {
          close() {
            closed++;
            close();
          },
        })) as typeof transport;
      };
      const events: ServerEvent[] = [];
      const server = serve({
        acceptor,
        allow: ["127.0.0.1"],
        onEvent: (event) => void events.push(event),
      }, (socket) => socket.write("fine\n"));
      const far = Array.from({ length: 4 }, () => {
        const [near, far] = memoryTransportPair();
        acceptor.offer(near);
        return far;
      });
      const buffer = new Uint8Array(9);
      const length = await far[3].read(buffer);
      assertEquals(textOf(buffer.subarray(0, length!)), "fine\n");
      assertEquals(server.stats.acceptErrors, 3);
      assertEquals(
        events.slice(0, 3).map(({ type }) => type),
        Array(3).fill("accept-error"),
      );
      // What could be closed was.
      if (what.startsWith("a connection")) assertEquals(closed, 3);
      far[3].close();
      await server.shutdown();
    },
  );
}

Deno.test(
  "an acceptor that throws at accept() is asked again, with pauses",
  TIMEOUT,
  async () => {
    const acceptor = new MemoryAcceptor("throws", () => {});
    const inner = acceptor.accept.bind(acceptor);
    let asked = 0;
    acceptor.accept = () => {
      if (++asked <= 3) throw failure;
      return inner();
    };
    const errors: [unknown, number][] = [];
    const listener = listen({
      acceptor,
      onEvent(event) {
        if (event.type === "accept-error") {
          errors.push([event.error, event.retryMs]);
        }
      },
    });
    const accepting = listener.accept();
    await until(() => asked === 4);
    assertEquals(errors, [[failure, 5], [failure, 10], [failure, 20]]);
    await listener.close();
    assertEquals(await accepting, null);
  },
);

Deno.test(
  "an acceptor whose ready throws, rejects or hangs ends by shutdown()",
  TIMEOUT,
  async () => {
    for (const how of ["throws", "rejects", "hangs"]) {
      const acceptor = new MemoryAcceptor("ready", () => {});
      Object.defineProperty(acceptor, "ready", {
        get() {
          if (how === "throws") throw failure;
          return how === "rejects"
            ? Promise.reject(failure)
            : new Promise(() => {});
        },
      });
      const server = serve({ acceptor }, () => {});
      if (how !== "hangs") {
        assertEquals(await server.ready.catch((error) => error), failure);
      }
      assertEquals(await server.shutdown(), REPORT);
      await server.closed;
    }
  },
);

Deno.test(
  "a handshake of an acceptor's that misbehaves concerns its client alone",
  TIMEOUT,
  async () => {
    const acceptor = new MemoryAcceptor("handshakes", () => {});
    const failed: unknown[] = [];
    const server = serve({
      acceptor,
      handshakeTimeoutMs: 20,
      onEvent(event) {
        if (event.type === "tls-failed") failed.push(event.error);
      },
    }, (socket) => socket.write("fine\n"));
    const handshakes: (() => unknown)[] = [
      () => {
        throw failure;
      },
      () => Promise.reject(failure),
      () => Promise.reject(undefined),
      () => "done",
      () => new Promise(() => {}),
      () => "done",
    ];
    const far = handshakes.map((handshake, index) => {
      const [near, far] = memoryTransportPair();
      // One that is no name is none.
      const alpnProtocol = index === 5 ? new Promise(() => {}) : null;
      const odd = Object.assign(near, { handshake, alpnProtocol });
      if (index === 3) {
        Object.defineProperty(odd, "alpnProtocol", {
          get() {
            throw failure;
          },
        });
      }
      acceptor.offer(odd as unknown as AcceptedTransport as typeof near);
      return far;
    });
    const buffer = new Uint8Array(9);
    assertEquals(await far[5].read(buffer), 5);
    for (const end of far.slice(0, 5)) {
      assertEquals(await end.read(buffer), null);
    }
    await until(() => failed.length === 5);
    assertEquals(failed.slice(0, 4), [failure, failure, undefined, failure]);
    assertEquals(server.stats.rejected, 5);
    far.forEach((end) => end.close());
    await server.shutdown();
  },
);

Deno.test(
  "a handshake that close() does not end holds up neither shutdown() nor the process",
  TIMEOUT,
  async () => {
    for (const make of ["serve", "listen"] as const) {
      const acceptor = new MemoryAcceptor("hanging", () => {});
      const errors: unknown[] = [];
      const onEvent = (event: ServerEvent) => {
        if (event.type === "tls-failed") errors.push(event.error);
      };
      const [near, far] = memoryTransportPair();
      acceptor.offer(
        Object.assign(near, { handshake: () => new Promise(() => {}) }),
      );
      if (make === "serve") {
        const server = serve({ acceptor, onEvent }, () => {});
        await until(() => server.stats.handshakes === 1);
        const report = await server.shutdown({ timeoutMs: Infinity });
        assertEquals(report, { ...REPORT, handshakes: 1 });
      } else {
        const listener = listen({ acceptor, onEvent });
        const accepting = listener.accept();
        await turn();
        await listener.close();
        assertEquals(await accepting, null);
      }
      await turn();
      assertEquals(errors.length, 1);
      assertInstanceOf(errors[0], ClosedError);
      assertEquals(await far.read(new Uint8Array(1)), null);
      far.close();
      // The sanitizers see that no timer is left.
    }
  },
);

Deno.test("serve() and listen() refuse what is no acceptor", () => {
  // deno-lint-ignore no-explicit-any -- what a caller without types may do
  const bad: any[] = [5, null, {}, { accept() {} }];
  for (const acceptor of bad) {
    for (
      const call of [
        () => serve({ acceptor }, () => {}),
        () => listen({ acceptor }),
      ]
    ) {
      const error = assertThrows(call, TypeError);
      assert(error.message.includes("acceptor"), error.message);
    }
  }
});

Deno.test(
  "a listener that ends by itself lets go of its signal",
  TIMEOUT,
  async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (
      ...args: Parameters<typeof addEventListener>
    ) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (
      ...args: Parameters<typeof removeEventListener>
    ) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };

    // The acceptor is closed from outside.
    const acceptor = new MemoryAcceptor("closed", () => {});
    const listener = listen({ acceptor, signal });
    const accepting = listener.accept();
    await turn();
    assertEquals(listeners, 1);
    acceptor.close();
    assertEquals([await accepting, listeners], [null, 0]);

    // Its address cannot be had.
    const taken = new MemoryAcceptor("taken", () => {});
    Object.assign(taken, {
      ready: Promise.reject(new Deno.errors.AddrInUse("")),
    });
    const late = listen({ acceptor: taken, signal });
    await late.ready.catch(() => {});
    assertEquals(listeners, 0);

    const server = serve({
      acceptor: new MemoryAcceptor("x", () => {}),
      signal,
    }, () => {});
    assertEquals(listeners, 1);
    await server.shutdown();
    assertEquals(listeners, 0);
    await listener.close();
    await late.close();
  },
);

Deno.test(
  "an acceptor whose ref() and unref() throw harms no server",
  TIMEOUT,
  async () => {
    const acceptor = new MemoryAcceptor("ref", () => {});
    const throws = () => {
      throw failure;
    };
    await using server = serve({
      acceptor: Object.assign(acceptor, { ref: throws, unref: throws }),
    }, () => {});
    server.unref();
    server.ref();
  },
);

/** A transport that says its peer's address so many times, and then fails at that. */
function forgetful(transport: MemoryTransport, times: number): Transport {
  return {
    read: (p) => transport.read(p),
    write: (p) => transport.write(p),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
    localAddr: transport.localAddr,
    get remoteAddr() {
      if (times-- === 0) throw failure;
      return transport.remoteAddr;
    },
  };
}

Deno.test(
  "a transport that fails at its address, however late, harms no server",
  TIMEOUT,
  async () => {
    using _hooks = new FailedHooks();
    for (const isSecure of [false, true]) {
      for (let times = 0; times < 12; times++) {
        const acceptor = new MemoryAcceptor("forgetful", () => {});
        const accept = acceptor.accept.bind(acceptor);
        Object.assign(acceptor, {
          async accept() {
            const transport = forgetful(await accept(), times);
            if (!isSecure) return transport;
            const handshake = () => Promise.resolve();
            return Object.assign(transport, { handshake, alpnProtocol: null });
          },
        });
        const events: string[] = [];
        const onEvent = ({ type }: ServerEvent) => void events.push(type);
        const server = serve(
          { acceptor, onEvent, onError: () => {} },
          async (socket) => {
            await socket.read();
            // The address is asked for, to tell who is to blame.
            const remoteAddr = { transport: "memory", name: "?" } as const;
            throw new TimeoutError("wait", 1, { remoteAddr });
          },
        );
        await turn();
        const [left, right] = memoryTransportPair();
        acceptor.offer(right);
        await left.write(new Uint8Array(1)).catch(() => {});
        await until(() => events.length > 0);
        await until(() => server.stats.active === 0);
        // It has been closed, perhaps with a byte that was not read.
        const end = await left.read(new Uint8Array(1)).catch(() => null);
        assertEquals(end, null);
        left.close();
        await server.shutdown();
        const { accepted, failed, acceptErrors, rejected } = server.stats;
        assertEquals(accepted, failed);
        assertEquals(accepted + acceptErrors + rejected, 1, `${times}`);
      }
    }
  },
);

Deno.test(
  "a transport that fails where it is looked at harms no server",
  TIMEOUT,
  async () => {
    for (const name of ["handshake", "read", "constructor"]) {
      for (const isSecure of [false, true]) {
        for (let times = 0; times < 4; times++) {
          using hooks = new FailedHooks();
          const acceptor = new MemoryAcceptor("failing", () => {});
          const accept = acceptor.accept.bind(acceptor);
          Object.assign(acceptor, {
            async accept() {
              const transport = await accept();
              let left = times;
              const handshake = () => Promise.resolve();
              return new Proxy(transport, {
                get(_, asked) {
                  if (asked === name && left-- === 0) throw failure;
                  if (isSecure && asked === "handshake") return handshake;
                  const value = Reflect.get(transport, asked);
                  return asked !== "constructor" && typeof value === "function"
                    ? value.bind(transport)
                    : value;
                },
              });
            },
          });
          const server = serve({ acceptor, onError: () => {} }, () => {});
          await turn();
          const [left, right] = memoryTransportPair();
          acceptor.offer(right);
          await left.read(new Uint8Array(1)).catch(() => null);
          left.close();
          await server.shutdown();
          const { accepted, acceptErrors, rejected } = server.stats;
          assertEquals(accepted + acceptErrors + rejected, 1, name);
          assertEquals(hooks.errors, []);
        }
      }
    }
  },
);

Deno.test(
  "a transport that fails at its address ends no listener",
  TIMEOUT,
  async () => {
    for (let times = 1; times < 5; times++) {
      using hooks = new FailedHooks();
      const acceptor = new MemoryAcceptor("forgetful", () => {});
      const accept = acceptor.accept.bind(acceptor);
      let accepted = 0;
      Object.assign(acceptor, {
        async accept() {
          const transport = await accept();
          const handshake = () => Promise.resolve();
          const made = accepted++ === 0
            ? forgetful(transport, times)
            : transport;
          return Object.assign(made, { handshake, alpnProtocol: null });
        },
      });
      await using listener = listen({ acceptor, onEvent: () => {} });
      const accepting = listener.accept();
      await turn();
      for (let i = 0; i < 2; i++) {
        acceptor.offer(memoryTransportPair()[1]);
        await turn();
      }
      (await accepting)!.abort();
      assert(hooks.errors.every((error) => error === failure));
    }
  },
);
