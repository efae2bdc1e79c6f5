/**
 * Options that are no plain objects: of a class, with getters, handed down by a prototype,
 * or changed after the call. What was checked is what is used, and nothing is left out.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type CallOptions,
  connect,
  type ConnectOptions,
  Deadline,
  type DeadlineOptions,
  type Dialer,
  framed,
  interval,
  lines,
  listen,
  type ListenOptions,
  relay,
  retry,
  serve,
  type ServeOptions,
  sleep,
  TimeoutError,
  TlsError,
  withTimeout,
} from "@sluice/net";
import { Pool, reconnect, Requests } from "@sluice/net/client";
import { datagram } from "@sluice/net/datagram";
import { memoryPair } from "@sluice/net/testing";
import { createAuthority } from "./_support/certificates.ts";
import { FailedHooks } from "./_support/failed_hooks.ts";
import { textOf, TIMEOUT } from "./_support/sockets.ts";

const authority = await createAuthority();
const certificate = await authority.issue();
const caCerts = [authority.cert];
const stranger = await (await createAuthority()).issue();

/** As programs write them that read their configuration from a file. */
class ClientTls {
  caCerts = caCerts;
  verify() {
    throw new Error("not this one");
  }
}

class PinnedTls {
  caCerts = caCerts;
  get pinnedFingerprint256() {
    return "00".repeat(32);
  }
}

Deno.test(
  "checks of a certificate that a class has are not left out",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0, tls: certificate }, () => {});
    const { addr } = server;
    const checks: [object, string][] = [
      [new ClientTls(), "refused-by-verify"],
      [new PinnedTls(), "wrong-fingerprint"],
      [Object.create(new ClientTls(), {}), "refused-by-verify"],
    ];
    for (const [tls, reason] of checks) {
      for (const where of [{ port: addr.port }, { hosts: [addr] }]) {
        const options = { ...where, tls } as ConnectOptions;
        const error = await assertRejects(() => connect(options), TlsError);
        assertEquals(error.reason, reason);
      }
    }
  },
);

Deno.test(
  "startTls() and acceptTls() ask what a class asks for",
  TIMEOUT,
  async () => {
    class ServerTls {
      cert = certificate.cert;
      key = certificate.key;
      get clientCaCerts() {
        return caCerts;
      }
    }
    const [client, server] = memoryPair();
    const [asked, serving] = await Promise.allSettled([
      client.startTls(new ClientTls()),
      server.acceptTls(new ServerTls()),
    ]);
    assertEquals([asked.status, serving.status], ["rejected", "rejected"]);
    assertEquals((await reasonOf(asked)).reason, "refused-by-verify");
    assertEquals((await reasonOf(serving)).reason, "client-certificate");
  },
);

async function reasonOf(result: PromiseSettledResult<unknown>) {
  const promise = result.status === "rejected"
    ? Promise.reject(result.reason)
    : Promise.resolve();
  return await assertRejects(() => promise, TlsError);
}

Deno.test(
  "options of TLS that change are checked anew, and the old ones do not",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0, tls: stranger }, () => {});
    const tls = { caCerts: [...caCerts], dangerouslySkipChainCheck: false };
    const options = { port: server.addr.port, tls };
    await assertRejects(() => connect(options), TlsError);
    tls.dangerouslySkipChainCheck = true;
    await assertRejects(
      () => connect(options),
      TypeError,
      "dangerouslySkipChainCheck must be absent without",
    );
    tls.dangerouslySkipChainCheck = false;
    tls.caCerts[0] = "no certificate";
    await assertRejects(() => connect(options), TypeError, "caCerts must be");
    Object.assign(tls, { caCerts, pinedFingerprint256: "00".repeat(32) });
    await assertRejects(() => connect(options), TypeError, "unknown option");
  },
);

Deno.test(
  "a server has the address and the limits that its options inherit",
  TIMEOUT,
  async () => {
    class Options {
      port = 0;
      get hostname() {
        return "127.0.0.2";
      }
      get idleMs() {
        return 20;
      }
    }
    const trustedProxies = ["192.0.2.1"];
    const behindProxy = Object.assign(new Options(), {
      proxyProtocol: { trustedProxies, untrusted: "direct" },
    });
    for (const options of [new Options(), behindProxy]) {
      const ended = Promise.withResolvers<unknown>();
      await using server = serve(
        options as ServeOptions & { port: number },
        (socket) => socket.read().catch(ended.resolve),
      );
      const { hostname, port } = server.addr;
      assertEquals(hostname, "127.0.0.2");
      await using client = await connect({ hostname, port });
      assertEquals(await ended.promise instanceof TimeoutError, true);
      await client.closeWrite();
    }
    using listener = listen(new Options() as ListenOptions & { port: number });
    assertEquals(listener.addr.hostname, "127.0.0.2");
    const client = await connect(listener.addr);
    const socket = await listener.accept();
    await assertRejects(() => socket!.read(), TimeoutError);
    client.abort();
  },
);

Deno.test(
  "reconnect() speaks TLS where its options inherit it",
  TIMEOUT,
  async () => {
    class Options {
      readonly port: number;
      constructor({ port }: Deno.NetAddr) {
        this.port = port;
      }
      get tls() {
        return { caCerts };
      }
    }
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const options = new Options(listener.addr);
    await using session = reconnect(
      options,
      (socket) => socket.write("in the clear"),
    );
    session.ended.catch(() => {});
    using conn = await listener.accept();
    const hello = new Uint8Array(1);
    await conn.read(hello);
    // A handshake of TLS begins with 22.
    assertEquals(hello[0], 22);
  },
);

Deno.test("retry of a class is as often as it says", TIMEOUT, async () => {
  const failure = new Error("not again");
  let [asked, dialled] = [0, 0];
  class Retry {
    minDelayMs = 1;
    get attempts() {
      return 3;
    }
    retryIf() {
      return ++asked > 0;
    }
    onRetry() {
      throw failure;
    }
  }
  const dialer: Dialer = {
    addr: { transport: "memory", name: "nowhere" },
    dial() {
      dialled++;
      throw failure;
    },
  };
  using hooks = new FailedHooks();
  const error = await assertRejects(() =>
    connect({ dialer, retry: new Retry() })
  );
  assertEquals(error, failure);
  assertEquals([dialled, asked], [3, 2]);
  assertEquals(hooks.errors, [failure, failure]);
});

Deno.test(
  "pools, requests and shutdowns honour what their options inherit",
  TIMEOUT,
  async () => {
    let count = 0;
    class Checked {
      checkAfterMs = 0;
      open = () => Promise.resolve({ number: ++count });
      close() {}
      check({ number }: { number: number }) {
        return number > 1;
      }
    }
    await using pool = new Pool(new Checked());
    await pool.use(() => {});
    assertEquals(await pool.use(({ number }) => number), 2);

    class Pushed {
      match = "order" as const;
      isUnsolicited(frame: string) {
        return frame === "pushed";
      }
      onUnsolicited() {}
    }
    const [left, right] = memoryPair();
    await using requests = new Requests(framed(left, lines()), new Pushed());
    const answer = requests.request("one");
    await right.write("pushed\nanswer\n");
    assertEquals(await answer, "answer");

    const options = { port: 0, shutdownTimeoutMs: Infinity };
    const server = serve(options, async (socket) => {
      await socket.write("hello");
      await new Promise((resolve) => socket.signal.onabort = resolve);
    });
    await using client = await connect(server.addr);
    await client.read();
    const cut = Object.create({ signal: AbortSignal.abort() });
    assertEquals((await server.shutdown(cut)).aborted, 1);
  },
);

Deno.test(
  "datagram sockets and peers are opened with what a class has, and check it",
  TIMEOUT,
  async () => {
    class Wide {
      port = 0;
      get maxQueuedDatagrams() {
        return 0;
      }
    }
    await assertRejects(() => datagram(new Wide()), RangeError, "maxQueued");
    let asked = 0;
    const once = {
      get port() {
        return asked++;
      },
    };
    await using socket = await datagram(once);
    assertEquals(asked, 1);
    const target: Deno.NetAddr = Object.create(socket.localAddr);
    await using other = await datagram({ port: 0 });
    await using peer = await other.peer({
      get port() {
        return target.port;
      },
    });
    await using inherited = await other.peer(
      Object.create({ port: target.port }),
    );
    await peer.send("one");
    await inherited.send("two");
    assertEquals(textOf((await socket.receive())!.data), "one");
    assertEquals(textOf((await socket.receive())!.data), "two");
  },
);

Deno.test("hosts may be of a class", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, () => {});
  const host: Deno.NetAddr = Object.create(server.addr);
  await using _socket = await connect({ hosts: [host] });
});

Deno.test(
  "a getter is asked once, and a connection is never lost by it",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => socket.read());
    let asked = 0;
    const options = {
      port: server.addr.port,
      get idleMs(): number {
        if (++asked > 1) throw new Error("asked again");
        return 60_000;
      },
    };
    const socket = await connect(options);
    assertEquals(asked, 1);
    await socket.close();
    const ports = {
      get port() {
        return asked++ === 1 ? 0 : NaN;
      },
    };
    using listener = listen(ports);
    assertEquals(asked, 2);
    assertEquals(listener.addr.port > 0, true);
  },
);

Deno.test(
  "a certificate without authorities cannot take the place of one with some",
  TIMEOUT,
  async () => {
    const tls = { ...certificate, clientCaCerts: caCerts };
    await using server = serve({ port: 0, tls }, () => {});
    assertThrows(
      () => server.setCertificate({ ...certificate, clientCaCerts: [] }),
      TypeError,
      "clientCaCerts must be at least one certificate",
    );
  },
);

Deno.test(
  "a wrong name of a limit is refused by every call that would wait without it",
  TIMEOUT,
  async () => {
    const wrong = { timeout: 10 } as unknown as CallOptions;
    const [left, right] = memoryPair();
    const frames = framed(left, lines());
    const pool = new Pool({ open: () => 1, max: 1 });
    await using listener = listen({ port: 0 });
    const link = reconnect({ open: () => new Promise(() => {}) }, () => {});
    const [far] = memoryPair();
    const requests = new Requests(framed(far, lines()), { match: "order" });
    const calls: Record<string, () => unknown> = {
      "read": () => left.read(wrong),
      "readInto": () => left.readInto(new Uint8Array(1), wrong),
      "readExactly": () => left.readExactly(1, wrong),
      "readUntil": () => left.readUntil("x", wrong),
      "readLine": () => left.readLine(wrong),
      "peek": () => left.peek(1, wrong),
      "receive": () => frames.receive(wrong),
      "sendAll": () => frames.sendAll([], wrong),
      "flush": () => left.flush(wrong),
      "closeWrite": () => left.closeWrite(wrong),
      "close": () => left.close(wrong),
      "accept": () => listener.accept(wrong),
      "acquire": () => pool.acquire(wrong),
      "use": () => pool.use(() => 1, wrong),
      "close the pool": () => pool.close(wrong),
      "connect": () => link.connected(wrong),
      "request": () => requests.request("x", wrong),
      "sleep": () => sleep(1, wrong),
      "tick": () => interval(1, wrong),
      "retry": () => retry(() => 1, wrong),
      "relay": () => relay(left, right, wrong),
      "write": () => left.write(new Uint8Array(200_000), wrong),
      "send": () => frames.send("x".repeat(60_000), wrong),
    };
    for (const [action, call] of Object.entries(calls)) {
      await assertRejects(
        async () => await call(),
        TypeError,
        `Cannot ${action}: unknown option "timeout", did you mean timeoutMs?`,
      );
    }
    await assertRejects(() => link.close(wrong), TypeError, "did you mean");
    await assertRejects(() => requests.close(wrong), TypeError, "did you mean");
    const ends = wrong as DeadlineOptions;
    const known = "known are signal, deadline";
    await assertRejects(() => withTimeout(1, () => 1, ends), TypeError, known);
    assertThrows(() => Deadline.after(1, ends), TypeError, known);
    // Nothing was touched by that, and a limit may be handed down by a class.
    class Limits {
      timeoutMs = 5;
    }
    const limits: CallOptions = Object.create(new Limits());
    await assertRejects(() => frames.receive(limits), TimeoutError);
    await left.write("only");
    assertEquals(textOf((await right.read())!), "only");
    await right.write("line\n");
    assertEquals(await frames.receive(), "line");
    link[Symbol.dispose]();
    requests.abort();
    left.abort();
    right.abort();
    await pool.close();
  },
);
