import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { TlsError } from "../../lib/errors.ts";
import { bind } from "../../lib/transport/bind.ts";
import type {
  AcceptedTransport,
  Acceptor,
} from "../../lib/transport/options.ts";
import { dial } from "../../lib/transport/dial.ts";
import { translateError } from "../../lib/transport/translate_error.ts";
import { type Certificate, createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 20_000 };

const authority = await createAuthority();
const certificate = await authority.issue();
const clientAuthority = await createAuthority();

function bindChecking(alpnProtocols?: string[]): Acceptor<Deno.NetAddr> {
  return bind({
    port: 0,
    tls: {
      ...certificate,
      alpnProtocols,
      clientCaCerts: [clientAuthority.cert],
    },
  });
}

const portOf = ({ addr }: Acceptor<Deno.NetAddr>): number => addr.port;

/** Connects with this certificate; what the server made of it. */
async function attempt(
  acceptor: Acceptor<Deno.NetAddr>,
  own?: Certificate,
): Promise<{ server: AcceptedTransport; failure: unknown; close: () => void }> {
  const accepted = acceptor.accept();
  const dialled = dial({
    port: portOf(acceptor),
    tls: { caCerts: [authority.cert], ...own },
  });
  const server = await accepted;
  const failure = await Promise.resolve(server.handshake?.()).then(
    () => undefined,
    (error) => translateError(error, { operation: "handshake" }),
  );
  // In TLS 1.3 the client's handshake is over before the server judges it.
  const client = await dialled;
  return {
    server,
    failure,
    close() {
      client.close();
      server.close();
    },
  };
}

Deno.test(
  "bind() tells who a client with a certificate is",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    const own = await clientAuthority.issue({
      commonName: "robot 7",
      names: ["robot.test", "10.0.0.7"],
    });
    const { server, failure, close } = await attempt(acceptor, own);
    assertEquals(failure, undefined);
    const peer = server.peerCertificate;
    assert(peer);
    assertEquals(peer.commonName, "robot 7");
    assertEquals(peer.subjectAltName, "DNS:robot.test, IP Address:10.0.0.7");
    const digest = new Uint8Array(
      await crypto.subtle.digest("SHA-256", peer.der.slice()),
    );
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0"));
    assertEquals(peer.fingerprint256, hex.join(":").toUpperCase());
    const pem = own.cert.replace(/-----.*-----|\s/g, "");
    assertEquals(btoa(String.fromCharCode(...peer.der)), pem);
    close();
    acceptor.close();
  },
);

Deno.test(
  "bind() turns away every client whose certificate is not trusted",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    const stranger = await (await createAuthority()).issue();
    const expired = await clientAuthority.issue({ fromDays: -3, toDays: -2 });
    for (
      const [own, why] of [
        [undefined, "the client has shown no certificate"],
        [stranger, "no authority in clientCaCerts has signed it"],
        [expired, "or it is not valid now"],
      ] as const
    ) {
      const { server, failure, close } = await attempt(acceptor, own);
      assertInstanceOf(failure, TlsError);
      assertEquals(failure.reason, "client-certificate", failure.message);
      assertStringIncludes(failure.message, why);
      // Nothing of what such a client sends is ever read.
      await assertRejects(() => server.read(new Uint8Array(9)));
      assertEquals(server.peerCertificate, null);
      close();
    }
    acceptor.close();
  },
);

Deno.test(
  "a server that checks certificates agrees on a protocol, too",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking(["one", "two"]);
    const own = await clientAuthority.issue();
    const accepted = acceptor.accept();
    const [client, server] = await Promise.all([
      dial({
        port: portOf(acceptor),
        tls: { caCerts: [authority.cert], alpnProtocols: ["two"], ...own },
      }),
      // The first read shakes hands where that was not done.
      accepted.then(async (transport) => {
        const reading = transport.read(new Uint8Array(9));
        reading.catch(() => {});
        await transport.handshake?.();
        return transport;
      }),
    ]);
    assertEquals(server.alpnProtocol, "two");
    client.close();
    server.close();

    const failed = acceptor.accept().then(async (transport) => {
      const error = await assertRejects(() =>
        Promise.resolve(transport.handshake?.())
      );
      transport.close();
      return translateError(error, { operation: "handshake" });
    });
    await assertRejects(() =>
      dial({
        port: portOf(acceptor),
        tls: { caCerts: [authority.cert], alpnProtocols: ["three"], ...own },
      }), TlsError);
    const error = await failed;
    assertInstanceOf(error, TlsError);
    assertEquals(error.reason, "no-protocol");
    acceptor.close();
  },
);

Deno.test(
  "a server that checks certificates lets go of a silent client",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    const accepted = acceptor.accept();
    using silent = await Deno.connect({ port: portOf(acceptor) });
    const server = await accepted;
    const handshake = assertRejects(
      () => Promise.resolve(server.handshake?.()),
      Deno.errors.Interrupted,
    );
    server.close();
    await handshake;
    assertEquals(await silent.read(new Uint8Array(1)), null);
    acceptor.close();
  },
);

Deno.test(
  "a server that checks certificates sees a client that is no TLS client",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    for (
      const [text, reason] of [["GET / HTTP/1.1\r\n\r\n", "plaintext"], [
        "",
        "closed-in-handshake",
      ]]
    ) {
      const accepted = acceptor.accept();
      const client = await Deno.connect({ port: portOf(acceptor) });
      await client.write(new TextEncoder().encode(text));
      if (text === "") client.close();
      const server = await accepted;
      const raw = await assertRejects(() =>
        Promise.resolve(server.handshake?.())
      );
      const error = translateError(raw, { operation: "handshake" });
      assertInstanceOf(error, TlsError);
      assertEquals(error.reason, reason, error.message);
      server.close();
      if (text !== "") client.close();
    }
    acceptor.close();
  },
);

Deno.test(
  "a server that checks certificates tells a cut from an end",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    const own = await clientAuthority.issue();
    for (const clean of [true, false]) {
      // A relay, so that the connection can be cut below TLS.
      using front = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const fronted = front.accept();
      const accepted = acceptor.accept();
      const dialled = dial({
        port: front.addr.port,
        tls: { caCerts: [authority.cert], ...own },
      });
      const down = await fronted;
      const up = await Deno.connect({ port: portOf(acceptor) });
      const relays = Promise.allSettled([
        down.readable.pipeTo(up.writable),
        up.readable.pipeTo(down.writable),
      ]);
      const server = await accepted;
      await server.handshake?.();
      const client = await dialled;
      await client.write(new Uint8Array(3));
      if (clean) await client.closeWrite();
      assertEquals(await server.read(new Uint8Array(9)), 3);
      if (clean) {
        assertEquals(await server.read(new Uint8Array(9)), null);
        server.close();
        client.close();
      } else {
        const reading = assertRejects(() => server.read(new Uint8Array(9)));
        await up.closeWrite();
        const error = translateError(await reading, { operation: "read" });
        assertInstanceOf(error, TlsError);
        assertEquals(error.reason, "truncated");
        server.close();
        client.close();
      }
      await relays;
    }
    acceptor.close();
  },
);

Deno.test(
  "a server that checks certificates sends close_notify when it closes",
  TIMEOUT,
  async () => {
    const acceptor = bindChecking();
    const { server, failure, close } = await attempt(
      acceptor,
      await clientAuthority.issue(),
    );
    assertEquals(failure, undefined);
    close();
    assertThrows(() => server.close(), Deno.errors.BadResource);

    const accepted = acceptor.accept();
    const own = await clientAuthority.issue();
    const dialled = dial({
      port: portOf(acceptor),
      tls: { caCerts: [authority.cert], ...own },
    });
    const other = await accepted;
    await other.handshake?.();
    const client = await dialled;
    other.close();
    assertEquals(await client.read(new Uint8Array(1)), null);
    client.close();
    acceptor.close();
  },
);

Deno.test("bind() refuses to check certificates by nothing", () => {
  const wrong: [unknown, string][] = [
    [[], "clientCaCerts must be at least one certificate, got an array of 0"],
    [["junk"], "clientCaCerts must be a CERTIFICATE in PEM form"],
    ["junk", "clientCaCerts must be an array"],
  ];
  for (const [clientCaCerts, text] of wrong) {
    const tls = { ...certificate, clientCaCerts: clientCaCerts as string[] };
    assertThrows(() => bind({ port: 0, tls }), TypeError, text);
  }
});

Deno.test("bind() that checks certificates refuses a key that does not fit", async () => {
  const { key } = await authority.issue();
  const clientCaCerts = [clientAuthority.cert];
  const error = assertThrows(
    () =>
      bind({ port: 0, tls: { cert: certificate.cert, key, clientCaCerts } }),
    TlsError,
  );
  assertEquals(error.reason, "bad-configuration");
});
