import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BusyError, connect, serve, type Socket, TlsError } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 10_000 };

/**
 * A server that speaks TLS from the first byte, behind a proxy that first says a
 * plain line and waits for one: to its client that is STARTTLS.
 */
async function startTlsServer(greeting = "220 ready\n") {
  const authority = await createAuthority();
  const tls = await authority.issue();
  const inner = serve({ port: 0, tls }, async (socket) => {
    for await (const chunk of socket) await socket.write(chunk);
  });
  const outer = serve({ port: 0, onError: () => {} }, async (socket) => {
    await socket.write(greeting);
    await socket.readUntil("STARTTLS\n");
    const { port } = inner.addr as Deno.NetAddr;
    const upstream = await connect({ port });
    await Promise.all([
      socket.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(socket.writable),
    ]).catch(() => {});
    upstream.abort();
  });
  return {
    port: (outer.addr as Deno.NetAddr).port,
    caCerts: [authority.cert],
    async [Symbol.asyncDispose]() {
      await Promise.all([
        outer.shutdown({ timeoutMs: 500 }),
        inner.shutdown({ timeoutMs: 500 }),
      ]);
    },
  };
}

Deno.test(
  "startTls() goes on over TLS with the same peer, in the same socket",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer();
    const socket = await connect({ port: server.port });
    const { signal, closed } = socket;
    assertEquals(await socket.readLine(), "220 ready");
    await socket.write("STARTTLS\n");
    const secure = await socket.startTls({ caCerts: server.caCerts });
    assertStrictEquals(secure, socket);
    await socket.write("over TLS\n");
    assertEquals(await socket.readLine(), "over TLS");
    assertEquals(socket.alpnProtocol, null);
    // The clear text and what was said over TLS, not what TLS made of it.
    const { bytesRead, bytesWritten } = socket.stats;
    assertEquals([bytesRead, bytesWritten], [19, 18]);
    assertEquals(signal.aborted, false);
    await socket.close();
    await closed;
    assert(signal.aborted);
  },
);

Deno.test(
  "startTls() refuses while plain text is unread, and keeps the socket",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer("220 ready\ninjected\n");
    const plain = await connect({ port: server.port });
    assertEquals(await plain.readLine(), "220 ready");
    await plain.write("STARTTLS\n");
    const error = await assertRejects(
      () => plain.startTls({ caCerts: server.caCerts }),
      TlsError,
      "9 bytes",
    );
    assertEquals(error.reason, "plaintext");
    assertEquals(await plain.readLine(), "injected");
    plain.abort();
  },
);

Deno.test(
  "startTls() says what is wrong with a certificate that nobody here trusts",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer();
    const plain = await connect({ port: server.port });
    await plain.readLine();
    await plain.write("STARTTLS\n");
    const error = await assertRejects(() => plain.startTls(), TlsError);
    assertEquals(error.reason, "unknown-issuer");
    await plain.closed;
  },
);

Deno.test(
  "startTls() gives up at its limit when the peer is silent",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => socket.closed);
    const plain = await connect({ port: (server.addr as Deno.NetAddr).port });
    await assertRejects(
      () => plain.startTls({ timeoutMs: 50 }),
      Error,
      "50 ms",
    );
    await server.shutdown({ timeoutMs: 100 });
  },
);

Deno.test(
  "startTls() refuses while a read that was cut off is in flight",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => socket.closed);
    const plain = await connect({ port: (server.addr as Deno.NetAddr).port });
    await assertRejects(() => plain.read({ timeoutMs: 5 }));
    await assertRejects(() => plain.startTls(), BusyError, "in flight");
    plain.abort();
    await server.shutdown({ timeoutMs: 100 });
  },
);

Deno.test("startTls() tries any transport", TIMEOUT, async () => {
  const [left, right] = memoryPair();
  const socket: Socket = left;
  const failed = assertRejects(() => socket.startTls(), TlsError);
  await right.write("what is TLS?\n");
  assertEquals((await failed).reason, "plaintext");
  right.abort();
  await socket.closed;
});

Deno.test(
  "acceptTls() and startTls() turn both ends of a plain connection to TLS",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    await using server = serve({ port: 0 }, async (plain) => {
      await plain.readUntil("STARTTLS\n");
      await plain.write("go ahead\n");
      const options = { ...certificate, alpnProtocols: ["echo"] };
      await using socket = await plain.acceptTls(options);
      for await (const chunk of socket) await socket.write(chunk);
    });
    const plain = await connect({ port: (server.addr as Deno.NetAddr).port });
    await plain.write("STARTTLS\n");
    assertEquals(await plain.readLine(), "go ahead");
    const secure = await plain.startTls({
      caCerts: [authority.cert],
      alpnProtocols: ["echo"],
    });
    assertEquals(secure.alpnProtocol, "echo");
    assertEquals(secure.peerCertificate, null);
    await secure.write("over TLS\n");
    assertEquals(await secure.readLine(), "over TLS");
    await secure.close();
  },
);

Deno.test(
  "acceptTls() refuses what a client sent in the clear behind its STARTTLS",
  TIMEOUT,
  async () => {
    const certificate = await (await createAuthority()).issue();
    const [client, plain] = memoryPair();
    await client.write("STARTTLS\ninjected");
    await plain.readUntil("STARTTLS\n");
    const error = await assertRejects(
      () => plain.acceptTls(certificate),
      TlsError,
      "8 bytes",
    );
    assertEquals(error.reason, "plaintext");
    plain.abort();
    client.abort();
  },
);

Deno.test(
  "peerCertificate says who the client is, on a server that checks",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = { ...await authority.issue(), clientCaCerts: [authority.cert] };
    const names: (string | undefined)[] = [];
    await using server = serve({ port: 0, tls }, async (socket) => {
      names.push(socket.peerCertificate?.subjectAltName);
      await socket.write("welcome\n");
    });
    const client = await connect({
      port: (server.addr as Deno.NetAddr).port,
      tls: {
        caCerts: [authority.cert],
        ...await authority.issue({ names: ["client.example"] }),
      },
    });
    assertEquals(await client.readLine(), "welcome");
    await client.close();
    assertEquals(names, ["DNS:client.example"]);
  },
);
