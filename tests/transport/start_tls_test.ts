import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import tls from "node:tls";
import { BrokenError, TlsError } from "../../lib/errors.ts";
import { checkTransport } from "../../lib/testing/check_transport.ts";
import { duplexOver } from "../../lib/transport/_node_duplex.ts";
import {
  acceptTls,
  checkAcceptTls,
  checkStartTls,
  startTls,
} from "../../lib/transport/upgrade_tls.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type {
  PeerCertificate,
  TlsBindOptions,
  TlsDialOptions,
  TlsTransport,
  Transport,
} from "../../lib/transport/options.ts";
import { translateError } from "../../lib/transport/translate_error.ts";
import { createAuthority } from "../_support/certificates.ts";
import { tcpPair, unixPair } from "../_support/transports.ts";
import { type Flaw, forge } from "./_forged.ts";

const TIMEOUT = { timeout: 60_000 };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };

const authority = await createAuthority();
const certificate = await authority.issue();
const caCerts = [authority.cert];
const stranger = await (await createAuthority()).issue();

async function fingerprintOf({ cert }: { cert: string }): Promise<string> {
  const base64 = cert.replace(/-----[^-]+-----/g, "");
  const der = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return digest.toHex();
}

type Pair = [Transport, Transport] | Promise<[Transport, Transport]>;
type TlsPair = [TlsTransport, TlsTransport];

/** Turns both ends of a connection to TLS. */
async function secured(
  pair: Pair,
  client: TlsDialOptions = {},
  server: Partial<TlsBindOptions> = {},
): Promise<TlsPair> {
  const [left, right] = await pair;
  return await Promise.all([
    startTls(left, { caCerts, ...client }),
    acceptTls(right, { ...certificate, ...server }),
  ]);
}

/** What the client makes of a server; nothing is left open. */
async function refused(
  client: TlsDialOptions,
  server: TlsBindOptions = certificate,
  pair: Pair = memoryTransportPair(),
): Promise<TlsError> {
  const [left, right] = await pair;
  const serving = acceptTls(right, server).then(
    (transport) => transport.close(),
    () => {},
  );
  const error = await assertRejects(
    () => startTls(left, { caCerts, ...client }),
    TlsError,
  );
  await assertRejects(
    () => left.read(new Uint8Array(1)),
    Deno.errors.BadResource,
  );
  await serving;
  return error;
}

async function assertCarries([client, server]: TlsPair): Promise<void> {
  await client.write(new Uint8Array(3));
  assertEquals(await server.read(new Uint8Array(9)), 3);
  await server.write(new Uint8Array(4));
  assertEquals(await client.read(new Uint8Array(9)), 4);
}

function close(pair: TlsPair): void {
  for (const transport of pair) transport.close();
}

Deno.test("startTls() runs over memory", TIMEOUT, async () => {
  const alpnProtocols = ["a", "b"];
  const pair = await secured(memoryTransportPair(), { alpnProtocols }, {
    alpnProtocols: ["b"],
  });
  assertEquals(pair.map(({ alpnProtocol }) => alpnProtocol), ["b", "b"]);
  // The name that is checked where there is no host.
  assertEquals(
    (await refused({ serverName: "far.test" })).reason,
    "wrong-name",
  );
  assertEquals(pair[0].remoteAddr, { transport: "memory", name: "right" });
  await assertCarries(pair);
  close(pair);
});

Deno.test("startTls() runs over a Unix socket", UNIX, async () => {
  const dir = await Deno.makeTempDir();
  const pair = await secured(unixPair(dir));
  await assertCarries(pair);
  close(pair);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("startTls() runs over TLS", TIMEOUT, async () => {
  for (const own of [{}, { verify: () => {} }]) {
    const outer = await secured(tcpPair(), own);
    const inner = await secured(outer, { serverName: "localhost" });
    await assertCarries(inner);
    const again = await secured(inner, { serverName: "localhost" });
    await assertCarries(again);
    close(again);
  }
});

Deno.test(
  "both ends of TLS over memory do all that a transport has to do",
  TIMEOUT,
  () =>
    checkTransport(
      (): Promise<[Transport, Transport]> => secured(memoryTransportPair()),
      { bulkBytes: 500_000 },
    ),
);

Deno.test(
  "both ends of TLS in TLS do all that a transport has to do",
  TIMEOUT,
  () =>
    checkTransport(async (): Promise<[Transport, Transport]> => {
      const outer = await secured(tcpPair(), { verify: () => {} });
      return await secured(outer, { serverName: "localhost" });
    }, { bulkBytes: 300_000 }),
);

Deno.test("startTls() tells who the server is", TIMEOUT, async () => {
  const peers: PeerCertificate[] = [];
  const verify = (peer: PeerCertificate) => void peers.push(peer);
  const pair = await secured(tcpPair(), { verify });
  const [peer] = peers;
  assertEquals(peers.length, 1);
  assertEquals(peer.commonName, "Sluice test");
  assertEquals(peer.subjectAltName, "DNS:localhost, IP Address:127.0.0.1");
  assertEquals(
    peer.fingerprint256.replaceAll(":", "").toLowerCase(),
    await fingerprintOf(certificate),
  );
  assertEquals(pair[0].peerCertificate, peer);
  // Nothing of it is needed where nothing was asked for.
  const plain = await secured(tcpPair());
  assertEquals(plain[0].peerCertificate, undefined);
  close(pair);
  close(plain);
});

Deno.test(
  "verify is asked before any byte goes in or out",
  TIMEOUT,
  async () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    const [left, right] = await tcpPair();
    const starting = startTls(left, {
      caCerts,
      verify: () => {
        asked.resolve();
        return decided.promise;
      },
    });
    let started = false;
    starting.then(() => started = true, () => {});
    const server = await acceptTls(right, certificate);
    await server.write(new Uint8Array(5));
    await asked.promise;
    assertEquals(started, false);
    decided.resolve();
    const client = await starting;
    assertEquals(await client.read(new Uint8Array(9)), 5);
    close([client, server]);
  },
);

Deno.test("what verify throws ends the handshake", TIMEOUT, async () => {
  const reason = new Error("not one of ours");
  const verdicts: TlsDialOptions["verify"][] = [
    () => {
      throw reason;
    },
    () => Promise.reject(reason),
  ];
  for (const verify of verdicts) {
    for (const pair of [memoryTransportPair(), tcpPair()]) {
      const error = await refused({ verify }, certificate, pair);
      assertEquals(error.reason, "refused-by-verify");
      assertStrictEquals(error.cause, reason);
      assert(error.message.startsWith("Cannot start TLS with "));
    }
  }
});

Deno.test("verify that never answers can be given up", TIMEOUT, async () => {
  const [left, right] = memoryTransportPair();
  const controller = new AbortController();
  const reason = new Error("too slow");
  const asked = Promise.withResolvers<void>();
  const serving = acceptTls(right, certificate);
  const failed = assertRejects(() =>
    startTls(left, {
      caCerts,
      signal: controller.signal,
      verify: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    })
  );
  await asked.promise;
  controller.abort(reason);
  assertStrictEquals(await failed, reason);
  (await serving).close();
});

Deno.test("verify is not asked about a chain that fails", TIMEOUT, async () => {
  let asked = 0;
  const verify = () => void asked++;
  const pinnedFingerprint256 = await fingerprintOf(stranger);
  const bad: [string, TlsDialOptions, TlsBindOptions][] = [
    ["unknown-issuer", {}, stranger],
    ["unknown-issuer", { pinnedFingerprint256 }, stranger],
    ["wrong-name", { serverName: "far.test" }, certificate],
    ["wrong-name", { serverName: "10.0.0.1" }, certificate],
    ["wrong-name", { serverName: "::1" }, certificate],
    ["wrong-name", {}, await authority.issue({ names: ["10.0.0.1"] })],
    // Deno does not tell on `node:tls` that these are out of date.
    ["unknown-issuer", {}, await authority.issue({ fromDays: -3, toDays: -2 })],
    ["unknown-issuer", {}, await authority.issue({ fromDays: 2, toDays: 3 })],
  ];
  for (const [reason, client, server] of bad) {
    const error = await refused({ verify, ...client }, server);
    assertEquals(error.reason, reason, error.message);
  }
  assertEquals(asked, 0);
});

Deno.test(
  "startTls() refuses a certificate each time, session or not",
  TIMEOUT,
  async () => {
    for (let i = 0; i < 3; i++) {
      const error = await refused({ verify: () => {}, caCerts: undefined });
      assertEquals(error.reason, "unknown-issuer");
    }
  },
);

Deno.test(
  "pinnedFingerprint256 adds to the check of the chain",
  TIMEOUT,
  async () => {
    const own = await fingerprintOf(certificate);
    const other = await fingerprintOf(stranger);
    const colons = own.toUpperCase().replace(/..(?!$)/g, "$&:");
    for (const pin of [own, colons, [other, colons], Object.freeze([own])]) {
      const pair = await secured(memoryTransportPair(), {
        pinnedFingerprint256: pin,
      });
      await assertCarries(pair);
      close(pair);
    }
    const near = own.replace(/^./, (digit) => digit === "0" ? "1" : "0");
    for (const pin of [other, [other, near]]) {
      const error = await refused({ pinnedFingerprint256: pin });
      assertEquals(error.reason, "wrong-fingerprint");
      assert(error.message.includes(colons), error.message);
    }
  },
);

Deno.test(
  "dangerouslySkipChainCheck leaves the pins and verify alone in charge",
  TIMEOUT,
  async () => {
    const skipping = { dangerouslySkipChainCheck: true, caCerts: undefined };
    const pinnedFingerprint256 = await fingerprintOf(stranger);
    const expired = await authority.issue({ fromDays: -3, toDays: -2 });
    for (const server of [stranger, expired]) {
      const pins = await fingerprintOf(server);
      for (const serverName of ["localhost", "far.test"]) {
        const pair = await secured(memoryTransportPair(), {
          ...skipping,
          serverName,
          pinnedFingerprint256: pins,
        }, server);
        await assertCarries(pair);
        close(pair);
      }
    }
    const wrong = await refused({ ...skipping, pinnedFingerprint256 });
    assertEquals(wrong.reason, "wrong-fingerprint");
    const verify = () => {
      throw new Error("no");
    };
    const judged = await refused(
      { ...skipping, pinnedFingerprint256, verify },
      stranger,
    );
    assertEquals(judged.reason, "refused-by-verify");
  },
);

/** Whether `node:tls` by itself takes a server for one of the authority. */
async function nodeTrusts(server: TlsBindOptions): Promise<boolean> {
  const [left, right] = memoryTransportPair();
  const room = () => Promise.resolve();
  const acceptor = tls.createServer(server);
  acceptor.emit("connection", duplexOver(right, room));
  const socket = tls.connect({
    socket: duplexOver(left, room),
    ca: caCerts,
    servername: "localhost",
    host: "localhost",
  });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("secureConnect", () => resolve(socket.authorized));
  socket.once("error", () => resolve(false));
  const trusts = await promise;
  socket.destroy();
  for (const transport of [left, right]) {
    try {
      transport.close();
    } catch {
      // The stream has closed it.
    }
  }
  return trusts;
}

Deno.test(
  "startTls() refuses certificates whose issuer never signed them",
  TIMEOUT,
  async () => {
    const attacker = await (await createAuthority())
      .issue({ commonName: "localhost" });
    for (const flaw of ["version 1", "malformed"] satisfies Flaw[]) {
      const forged = forge(attacker, certificate, flaw);
      // When this fails, Deno has learnt it, and `checkSignatures` has had its day.
      assertEquals(await nodeTrusts(forged), true, flaw);
      for (const serverName of ["localhost", "127.0.0.1"]) {
        for (const pair of [memoryTransportPair(), tcpPair()]) {
          await refused({ verify: () => {}, serverName }, forged, pair);
        }
      }
    }
    // Nor does a pin make one good whose key need not be shown.
    const forged = forge(attacker, certificate, "version 1");
    const error = await refused({
      dangerouslySkipChainCheck: true,
      pinnedFingerprint256: await fingerprintOf(forged),
    }, forged);
    assertEquals(error.reason, "bad-certificate");
  },
);

Deno.test(
  "startTls() looks at no more certificates than a chain has",
  TIMEOUT,
  async () => {
    const { cert, key } = certificate;
    for (const count of [15, 16]) {
      const chain = { cert: cert + `\n${authority.cert}`.repeat(count), key };
      if (count === 15) {
        const pair = await secured(memoryTransportPair(), {}, chain);
        await assertCarries(pair);
        close(pair);
      } else {
        const error = await refused({}, chain);
        assertEquals(error.reason, "bad-certificate");
        assert(error.message.endsWith("more than 16 certificates"));
      }
    }
  },
);

Deno.test(
  "startTls() shows a certificate of its own beside a serverName",
  TIMEOUT,
  async () => {
    const clients = await createAuthority();
    const own = await clients.issue({ commonName: "robot 7" });
    const pair = await secured(tcpPair(), {
      ...own,
      serverName: "localhost",
    }, { clientCaCerts: [clients.cert] });
    assertEquals(pair[1].peerCertificate?.commonName, "robot 7");
    await assertCarries(pair);
    close(pair);
  },
);

Deno.test(
  "acceptTls() asks verify and pins about clients",
  TIMEOUT,
  async () => {
    const clients = await createAuthority();
    const own = await clients.issue();
    const clientCaCerts = [clients.cert];
    const asked: (string | undefined)[] = [];
    const good = await secured(memoryTransportPair(), own, {
      clientCaCerts,
      pinnedFingerprint256: await fingerprintOf(own),
      verify: ({ commonName }) => void asked.push(commonName),
    });
    assertEquals(asked, ["Sluice test"]);
    await assertCarries(good);
    close(good);

    const bad: [string, Partial<TlsBindOptions>][] = [
      ["wrong-fingerprint", {
        pinnedFingerprint256: await fingerprintOf(stranger),
      }],
      ["refused-by-verify", { verify: () => Promise.reject(new Error("no")) }],
    ];
    for (const [reason, checks] of bad) {
      const [left, right] = memoryTransportPair();
      const client = startTls(left, { caCerts, ...own });
      const error = await assertRejects(
        () => acceptTls(right, { ...certificate, clientCaCerts, ...checks }),
        TlsError,
      );
      assertEquals(error.reason, reason);
      (await client).close();
    }
  },
);

Deno.test(
  "options of TLS are refused before anything is touched",
  TIMEOUT,
  async () => {
    const [left, right] = memoryTransportPair();
    const wrong = { caCert: [authority.cert] } as TlsDialOptions;
    await assertRejects(() => startTls(left, wrong), TypeError, "caCerts?");
    const clientless = { ...certificate, verify: () => {} };
    await assertRejects(
      () => acceptTls(right, clientless),
      TypeError,
      "verify must be absent without clientCaCerts",
    );
    const mixed = { cert: certificate.cert, key: stranger.key };
    for (
      const start of [
        () => startTls(left, mixed),
        () => acceptTls(right, mixed),
      ]
    ) {
      const error = await assertRejects(
        start,
        TlsError,
        "Cannot start TLS: certificate and key do not belong together",
      );
      assertEquals(error.reason, "bad-configuration");
    }
    await left.write(new Uint8Array(2));
    assertEquals(await right.read(new Uint8Array(9)), 2);
    left.close();
    right.close();
    // The limits of a call are known, and for others to check.
    const limits = { signal: undefined, timeoutMs: 1, deadline: undefined };
    checkStartTls(limits as TlsDialOptions);
    checkAcceptTls({ ...certificate, ...limits } as TlsBindOptions);
  },
);

Deno.test(
  "TLS on node:tls holds the process while a call waits, and passes on whether it shall",
  TIMEOUT,
  async () => {
    const [left, right] = memoryTransportPair();
    let isHeld = true;
    const counted = Object.assign(left, {
      ref: () => void (isHeld = true),
      unref: () => void (isHeld = false),
    });
    const [near, far] = await secured([counted, right]);
    // Node reads ahead, for no call.
    assertEquals(isHeld, false);
    const buffer = new Uint8Array(1);
    for (const isReferenced of [true, false, true]) {
      if (isReferenced) near.ref?.();
      else near.unref?.();
      assertEquals(isHeld, false);
      const reading = near.read(buffer);
      assertEquals(isHeld, isReferenced);
      near.unref?.();
      assertEquals(isHeld, false);
      if (isReferenced) near.ref?.();
      assertEquals(isHeld, isReferenced);
      await far.write(buffer);
      await reading;
      assertEquals(isHeld, false);
    }
    // Memory holds nothing.
    far.unref?.();
    close([near, far]);
  },
);

Deno.test("startTls() says what broke the connection", TIMEOUT, async () => {
  for (const own of [{}, { verify: () => {} }]) {
    const [left, right] = memoryTransportPair();
    const failed = assertRejects(
      () => startTls(left, { caCerts, ...own }),
      BrokenError,
    );
    right.reset();
    assertEquals((await failed).reason, "reset");
    right.close();
  }
  const [left, right] = memoryTransportPair();
  const gone = assertRejects(() => startTls(left, { caCerts }), TlsError);
  await right.closeWrite();
  assertEquals((await gone).reason, "closed-in-handshake");
  right.close();
});

/** A connection through a relay, which can be cut below TLS, in one direction. */
async function cuttable(
  client: TlsDialOptions,
  server: Partial<TlsBindOptions>,
): Promise<{ pair: TlsPair; cut: () => Promise<void> }> {
  const [near, relayNear] = await tcpPair();
  const [relayFar, far] = await tcpPair();
  const pump = async (from: Transport, to: Transport): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) return;
      for (let sent = 0; sent < count;) {
        sent += await to.write(buffer.subarray(sent, count));
      }
    }
  };
  const pumps = Promise.allSettled([
    pump(relayNear, relayFar),
    pump(relayFar, relayNear),
  ]);
  const pair = await secured([near, far], client, server);
  return {
    pair,
    async cut() {
      await relayFar.closeWrite();
      // The other way goes on until the server ends it.
      pumps.then(() => {
        relayNear.close();
        relayFar.close();
      });
    },
  };
}

Deno.test(
  "allowTruncation takes the end of the connection for the end, and can still answer",
  TIMEOUT,
  async () => {
    const buffer = new Uint8Array(9);
    for (const allowTruncation of [true, false]) {
      const { pair, cut } = await cuttable({}, { allowTruncation });
      const [client, server] = pair;
      await client.write(new Uint8Array(3));
      assertEquals(await server.read(buffer), 3);
      const reading = server.read(buffer);
      reading.catch(() => {});
      await cut();
      if (allowTruncation) {
        assertEquals(await reading, null);
        await server.write(new Uint8Array(4));
        assertEquals(await client.read(buffer), 4);
      } else {
        const raw = await assertRejects(() => reading);
        const error = translateError(raw, { operation: "read" });
        assertInstanceOf(error, TlsError);
        assertEquals(error.reason, "truncated");
      }
      close(pair);
    }
  },
);

Deno.test(
  "TLS on node:tls takes no permission, and lets the process end",
  TIMEOUT,
  async () => {
    const url = (name: string) =>
      JSON.stringify(
        new URL(`../../lib/transport/${name}.ts`, import.meta.url).href,
      );
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(
      file,
      `
      import { memoryTransportPair } from ${url("memory")};
      import { acceptTls, startTls } from ${url("upgrade_tls")};
      const { ca, ...certificate } = JSON.parse(Deno.args[0]);
      const [left, right] = memoryTransportPair();
      const verify = ({ commonName }) => console.log(commonName);
      const [client, server] = await Promise.all([
        startTls(left, { caCerts: [ca], verify }),
        acceptTls(right, certificate),
      ]);
      await client.write(new Uint8Array(3));
      console.log(await server.read(new Uint8Array(9)));
      client.close();
      server.close();
      `,
    );
    const args = ["run", "--no-prompt", "--no-lock", "--no-config", file];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, JSON.stringify({ ...certificate, ca: authority.cert })],
      env: { NO_COLOR: "1" },
    }).output();
    await Deno.remove(file);
    const text = new TextDecoder().decode(stdout);
    assertEquals(text, "Sluice test\n3\n", new TextDecoder().decode(stderr));
  },
);

Deno.test(
  "verify refuses by false, and by an error that it returns",
  TIMEOUT,
  async () => {
    const answers = [false, new Error("no"), Promise.resolve(false)];
    for (const answer of answers) {
      const verify = (() => answer) as unknown as TlsDialOptions["verify"];
      const error = await refused({ verify });
      assertEquals(error.reason, "refused-by-verify");
    }
    const verify = (() => true) as unknown as TlsDialOptions["verify"];
    for (const side of await secured(memoryTransportPair(), { verify })) {
      side.close();
    }
  },
);
