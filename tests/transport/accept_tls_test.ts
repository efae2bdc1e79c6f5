import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TlsError } from "../../lib/errors.ts";
import { acceptTls, startTls } from "../../lib/transport/upgrade_tls.ts";
import type { Transport } from "../../lib/transport/options.ts";
import { checkTransport } from "../../lib/testing/check_transport.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { createAuthority } from "../_support/certificates.ts";
import { tcpPair } from "../_support/transports.ts";

const TIMEOUT = { timeout: 60_000 };

const authority = await createAuthority();
const certificate = await authority.issue();
const caCerts = [authority.cert];

Deno.test(
  "acceptTls() upgrades a connection that began in plain text",
  TIMEOUT,
  async () => {
    const [client, server] = await tcpPair();
    await client.write(new TextEncoder().encode("STARTTLS\n"));
    assertEquals(await server.read(new Uint8Array(99)), 9);
    const [secureClient, secureServer] = await Promise.all([
      startTls(client, { caCerts, alpnProtocols: ["a"] }),
      acceptTls(server, { ...certificate, alpnProtocols: ["a"] }),
    ]);
    assertEquals([secureClient.alpnProtocol, secureServer.alpnProtocol], [
      "a",
      "a",
    ]);
    await secureServer.write(new Uint8Array(5));
    assertEquals(await secureClient.read(new Uint8Array(99)), 5);
    secureClient.close();
    secureServer.close();
  },
);

Deno.test(
  "both ends of an upgrade do all that a transport has to do",
  TIMEOUT,
  async () => {
    await checkTransport(async (): Promise<[Transport, Transport]> => {
      const [client, server] = await tcpPair();
      return await Promise.all([
        startTls(client, { caCerts }),
        acceptTls(server, certificate),
      ]);
    }, { bulkBytes: 500_000 });
  },
);

Deno.test(
  "acceptTls() closes a connection whose handshake fails",
  TIMEOUT,
  async () => {
    const [left, right] = memoryTransportPair();
    const failed = assertRejects(() => acceptTls(right, certificate), TlsError);
    await left.write(new TextEncoder().encode("EHLO again\r\n"));
    assertEquals((await failed).reason, "plaintext");
    await assertRejects(
      () => right.read(new Uint8Array(1)),
      Deno.errors.BadResource,
    );
  },
);

Deno.test(
  "acceptTls() gives up on a silent client when the signal aborts",
  TIMEOUT,
  async () => {
    const [left, right] = memoryTransportPair();
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("too slow");
    const failed = assertRejects(() =>
      acceptTls(right, { ...certificate, signal })
    );
    controller.abort(reason);
    assertStrictEquals(await failed, reason);
    assertEquals(await left.read(new Uint8Array(1)), null);

    const [, other] = memoryTransportPair();
    const atOnce = assertRejects(() =>
      acceptTls(other, { ...certificate, signal })
    );
    assertStrictEquals(await atOnce, reason);
    await assertRejects(
      () => other.read(new Uint8Array(1)),
      Deno.errors.BadResource,
    );
  },
);

Deno.test("acceptTls() refuses what is no certificate", async () => {
  const [, right] = memoryTransportPair();
  await assertRejects(
    () => acceptTls(right, { cert: "", key: "" }),
    TypeError,
    "cert",
  );
});
