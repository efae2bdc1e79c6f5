import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { MemoryAddr } from "../../lib/addr.ts";
import { BrokenError, TlsError } from "../../lib/errors.ts";
import { bind } from "../../lib/transport/bind.ts";
import type {
  AcceptedTransport,
  Acceptor,
  BindOptions,
} from "../../lib/transport/options.ts";
import { dial } from "../../lib/transport/dial.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { startTls } from "../../lib/transport/upgrade_tls.ts";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 20_000 };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };
const LOCAL = { hostname: "127.0.0.1", port: 0 };

const portOf = ({ addr }: Acceptor<Deno.NetAddr>): number => addr.port;

Deno.test(
  "bind() listens on 127.0.0.1 unless told otherwise",
  TIMEOUT,
  async () => {
    const acceptor = bind({ port: 0 });
    const { hostname, port } = acceptor.addr;
    assertEquals(hostname, "127.0.0.1");
    const accepting = assertRejects(
      () => acceptor.accept(),
      Deno.errors.BadResource,
    );
    acceptor.close();
    acceptor.close();
    await accepting;
    // The pending accept has ended, so the port is free at once.
    const again = bind({ port });
    assertEquals(portOf(again), port);
    again.close();
  },
);

Deno.test("bind() says who is in the way", async () => {
  const acceptor = bind(LOCAL);
  const port = portOf(acceptor);
  const error = assertThrows(
    () => bind({ port }),
    BrokenError,
    `Cannot listen on 127.0.0.1:${port}`,
  );
  assertEquals(error.reason, "in-use");
  acceptor.close();
  const { cert } = await (await createAuthority()).issue();
  const { key } = await (await createAuthority()).issue();
  const mixed = assertThrows(
    () => bind({ ...LOCAL, tls: { cert, key } }),
    TlsError,
  );
  assertEquals(mixed.reason, "bad-configuration");
});

Deno.test(
  "bind() accepts over TLS while a silent client has not shaken hands",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const acceptor = bind({ ...LOCAL, tls: await authority.issue() });
    const port = portOf(acceptor);
    using _silent = await Deno.connect({ ...LOCAL, port });
    const stuck = await acceptor.accept();
    const handshake = stuck.handshake?.();
    assert(handshake !== undefined);

    const accepted = acceptor.accept();
    const dialled = dial({ port, tls: { caCerts: [authority.cert] } });
    const server = await accepted;
    await server.handshake?.();
    const client = await dialled;
    await server.write(new Uint8Array(2));
    assertEquals(await client.read(new Uint8Array(9)), 2);

    const interrupted = assertRejects(() => handshake, Deno.errors.Interrupted);
    stuck.close();
    await interrupted;
    client.close();
    server.close();
    acceptor.close();
  },
);

Deno.test(
  "bind() with dropSilent lets go of clients that are closed in their handshake",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = { ...await authority.issue(), dropSilent: true };
    const acceptor = bind({ ...LOCAL, tls });
    const port = portOf(acceptor);
    for (const shaking of [true, false]) {
      const accepted = acceptor.accept();
      using silent = await Deno.connect({ ...LOCAL, port });
      const server = await accepted;
      const handshake = shaking
        ? assertRejects(
          () => Promise.resolve(server.handshake?.()),
          Deno.errors.Interrupted,
        )
        : undefined;
      server.close();
      await handshake;
      assertEquals(await silent.read(new Uint8Array(1)), null);
    }
    acceptor.close();
  },
);

Deno.test(
  "Deno itself keeps a client that is closed in its handshake",
  TIMEOUT,
  async () => {
    // When this fails, Deno has learnt it, and `dropSilent` has had its day.
    const certificate = await (await createAuthority()).issue();
    using listener = Deno.listenTls({ ...LOCAL, ...certificate });
    const accepted = listener.accept();
    using silent = await Deno.connect({ ...LOCAL, port: listener.addr.port });
    (await accepted).close();
    const reading = silent.read(new Uint8Array(1)).catch(() => "kept");
    const timer = setTimeout(() => silent.close(), 200);
    assertEquals(await reading, "kept");
    clearTimeout(timer);
  },
);

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(`${dir}/a.sock`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const exists = (path: string): boolean => {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
};

/** Connects to the path and checks that it is this acceptor which answers. */
async function assertServes(acceptor: Acceptor, path: string): Promise<void> {
  const [server, client] = await Promise.all([
    acceptor.accept(),
    dial({ path }),
  ]);
  await client.write(new Uint8Array(4));
  assertEquals(await server.read(new Uint8Array(9)), 4);
  client.close();
  server.close();
}

/** Puts another function in place of one of Deno's. */
function replace<Name extends "umask" | "listen" | "connect">(
  name: Name,
  // deno-lint-ignore no-explicit-any -- each has many forms
  replacement: (...args: any[]) => any,
): Disposable {
  const original = Deno[name];
  Object.assign(Deno, { [name]: replacement });
  return {
    [Symbol.dispose]: () => void Object.assign(Deno, { [name]: original }),
  };
}

/** Leaves a socket file behind without a listener, as a crash does. */
async function leaveStale(path: string): Promise<void> {
  const code = `Deno.listen({ transport: "unix", path: ${
    JSON.stringify(path)
  } }); Deno.exit();`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", code],
  }).output();
  assert(success && exists(path));
}

Deno.test(
  "bind() on a Unix path serves, and takes its file away",
  UNIX,
  () =>
    withPath(async (path) => {
      const acceptor = bind({ path });
      assertEquals(acceptor.addr, { transport: "unix", path });
      assertEquals(acceptor.ready, undefined);
      await assertServes(acceptor, path);
      const accepting = assertRejects(
        () => acceptor.accept(),
        Deno.errors.BadResource,
      );
      acceptor.close();
      acceptor.close();
      await accepting;
      assert(!exists(path));
      await assertRejects(() => acceptor.accept(), Deno.errors.BadResource);
    }),
);

Deno.test(
  "bind() on a Unix path sets exactly the mode it was given, and never the umask",
  UNIX,
  () =>
    withPath(async (path) => {
      // It is that of the whole process: other threads make files meanwhile.
      using _umask = replace("umask", () => {
        throw new Error("It must not be touched");
      });
      for (const mode of [0o600, 0o666, 0o777, 0o400, 0]) {
        const acceptor = bind({ path, mode });
        await acceptor.ready;
        assertEquals((Deno.lstatSync(path).mode ?? 0) & 0o777, mode);
        acceptor.close();
      }
    }),
);

Deno.test(
  "bind() drops clients of a Unix path that connected before its mode was set",
  UNIX,
  () =>
    withPath(async (path) => {
      const { connect, listen } = Deno;
      let early: Promise<Deno.Conn>[] = [];
      using _listen = replace("listen", (options) => {
        const listener = listen(options);
        // As with a umask of 0.
        Deno.chmodSync(path, 0o777);
        const target = { transport: "unix", path } as const;
        early = [connect(target), connect(target), connect(target)];
        return listener;
      });
      let full = true;
      using _connect = replace("connect", (options) => {
        // Once they are so many that there is no room.
        if (full) return Promise.reject(new Deno.errors.WouldBlock("full"));
        return connect(options);
      });
      for (const mode of [0o600, 0o400]) {
        full = true;
        const acceptor = bind({ path, mode });
        assertEquals((Deno.lstatSync(path).mode ?? 0) & 0o022, 0);
        for (const conn of await Promise.all(early)) {
          full = false;
          assertEquals(
            await conn.read(new Uint8Array(1)).catch(() => null),
            null,
          );
          conn.close();
        }
        await acceptor.ready;
        assertEquals((Deno.lstatSync(path).mode ?? 0) & 0o777, mode);
        Deno.chmodSync(path, 0o600);
        await assertServes(acceptor, path);
        acceptor.close();
      }
    }),
);

Deno.test(
  "bind() can be closed while it drops early clients of a Unix path",
  UNIX,
  () =>
    withPath(async (path) => {
      const { listen } = Deno;
      using _listen = replace("listen", (options) => {
        const listener = listen(options);
        Deno.chmodSync(path, 0o777);
        return listener;
      });
      const acceptor = bind({ path, mode: 0o600 });
      const accepting = assertRejects(
        () => acceptor.accept(),
        Deno.errors.BadResource,
      );
      acceptor.close();
      await accepting;
      await acceptor.ready;
      assert(!exists(path));
    }),
);

Deno.test(
  "bind() replaces a Unix socket file without a listener",
  UNIX,
  () =>
    withPath(async (path) => {
      await leaveStale(path);
      const acceptor = bind({ path });
      const accepted = acceptor.accept();
      await acceptor.ready;
      const client = await dial({ path });
      client.close();
      (await accepted).close();
      await assertServes(acceptor, path);
      acceptor.close();
      assert(!exists(path));
    }),
);

Deno.test(
  "bind() leaves a socket alone that took the place of a stale one",
  UNIX,
  () =>
    withPath(async (path) => {
      await leaveStale(path);
      const late = bind({ path });
      // It is still asking: nothing else has run.
      Deno.removeSync(path);
      const early = bind({ path });
      const accepting = assertRejects(
        () => late.accept(),
        Deno.errors.AddrInUse,
      );
      // Where the question reaches the new one, that is a client which leaves.
      const asked = early.accept().then((transport) => transport.close());
      await accepting;
      late.close();
      const client = await dial({ path });
      await asked;
      client.close();
      early.close();
    }),
);

Deno.test(
  "bind() leaves a Unix socket alone that has a listener",
  UNIX,
  () =>
    withPath(async (path) => {
      const first = bind({ path });
      const second = bind({ path });
      const asked = first.accept();
      await assertRejects(() => second.accept(), Deno.errors.AddrInUse);
      await assertRejects(
        () => second.ready ?? Promise.resolve(),
        Deno.errors.AddrInUse,
      );
      (await asked).close();
      second.close();
      await assertServes(first, path);
      first.close();
    }),
);

Deno.test(
  "bind() never replaces a file that is no socket",
  UNIX,
  () =>
    withPath(async (path) => {
      assertThrows(
        () => bind({ path: `${path}.d/a.sock` }),
        BrokenError,
        "no such path (the folder of the socket must exist)",
      );
      await Deno.writeTextFile(path, "precious");
      const error = assertThrows(() => bind({ path }), BrokenError);
      assertEquals(error.reason, "in-use");
      assertEquals(await Deno.readTextFile(path), "precious");
    }),
);

Deno.test(
  "bind() can be closed while it asks about a stale Unix socket",
  UNIX,
  () =>
    withPath(async (path) => {
      await leaveStale(path);
      const acceptor = bind({ path });
      const accepting = assertRejects(
        () => acceptor.accept(),
        Deno.errors.BadResource,
      );
      acceptor.close();
      await accepting;
      assert(exists(path));
    }),
);

Deno.test(
  "close() leaves the file alone which another server put at the path",
  UNIX,
  () =>
    withPath(async (path) => {
      const first = bind({ path });
      const accepting = assertRejects(
        () => first.accept(),
        Deno.errors.BadResource,
      );
      await Deno.remove(path);
      const second = bind({ path });
      const { ino } = Deno.lstatSync(path);
      first.close();
      await accepting;
      assertEquals(Deno.lstatSync(path).ino, ino);
      await assertServes(second, path);
      second.close();
      assertEquals([...Deno.readDirSync(path.replace(/\/a\.sock$/, ""))], []);
    }),
);

Deno.test(
  "close() works when the file is gone already",
  UNIX,
  () =>
    withPath(async (path) => {
      const acceptor = bind({ path });
      await Deno.remove(path);
      const accepting = assertRejects(
        () => acceptor.accept(),
        Deno.errors.BadResource,
      );
      acceptor.close();
      await accepting;
    }),
);

Deno.test(
  "close() keeps another server's file with the narrowest permissions too",
  UNIX,
  () =>
    withPath(async (path) => {
      const file = await Deno.makeTempFile({ suffix: ".ts" });
      const source =
        new URL("../../lib/transport/bind.ts", import.meta.url).href;
      await Deno.writeTextFile(
        file,
        `
      import { bind } from ${JSON.stringify(source)};
      const path = ${JSON.stringify(path)};
      const first = bind({ path, mode: 0o642 });
      const accepting = first.accept().catch((error) => error.name);
      const mode = (Deno.lstatSync(path).mode ?? 0) & 0o777;
      Deno.removeSync(path);
      const second = bind({ path });
      first.close();
      console.log(await accepting, Deno.lstatSync(path).isSocket, mode);
      Deno.exit();
      `,
      );
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-config",
          "--no-lock",
          "--no-prompt",
          `--allow-read=${path}`,
          `--allow-write=${path}`,
          `--allow-net=unix:${path}`,
          file,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      await Deno.remove(file);
      assertEquals(
        new TextDecoder().decode(stdout),
        `BadResource true ${0o642}\n`,
        new TextDecoder().decode(stderr),
      );
    }),
);

Deno.test("bind() uses an acceptor of one's own", () => {
  const acceptor: Acceptor = {
    addr: { transport: "memory", name: "here" },
    accept: () => Promise.reject(new Error("Nobody comes")),
    close() {},
  };
  assertStrictEquals(bind({ acceptor }), acceptor);
  for (const wrong of [null, {}, { ...acceptor, close: 1 }]) {
    assertThrows(
      () => bind({ acceptor: wrong as unknown as Acceptor }),
      TypeError,
      "acceptor must be an object with accept() and close()",
    );
  }
});

Deno.test("bind() looks at the options of TLS that a client was content with", async () => {
  const tls = {} as { cert: string; key: string };
  await assertRejects(() => dial({ port: 1, tls }), BrokenError);
  assertThrows(
    () => bind({ port: 0, tls }),
    TypeError,
    "Cannot listen: cert must be a CERTIFICATE in PEM form",
  );
});

Deno.test("bind() refuses text that would become another one", async () => {
  const tls = await (await createAuthority()).issue();
  const protocols = { ...tls, alpnProtocols: ["h2", "\ud800"] };
  assertThrows(
    () => bind({ port: 0, tls: protocols }),
    RangeError,
    "alpnProtocols must be text without lone surrogates",
  );
  assertThrows(
    () => bind({ path: "\ud800.sock" }),
    RangeError,
    "path must be text without lone surrogates",
  );
});

Deno.test("bind() refuses options that cannot be meant", async () => {
  const { cert, key } = await (await createAuthority()).issue();
  const acceptor: Acceptor = {
    addr: { transport: "memory", name: "here" },
    accept: () => Promise.reject(new Error("No client comes")),
    close() {},
  };
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [null, TypeError, "Cannot listen: options must be an object, got null"],
    [{}, TypeError, "port must be a number, got undefined"],
    [{ port: -1 }, RangeError, "port must be an integer from 0 to 65535"],
    [
      { port: 0, hostname: "" },
      TypeError,
      "hostname must be a name or an address",
    ],
    [{ port: 0, hostname: "fe80::1" }, TypeError, "with its zone"],
    [{ port: 0, noDelay: null }, TypeError, "noDelay must be a boolean"],
    [{ port: 0, transport: "udp" }, RangeError, 'transport must be "tcp"'],
    [{ port: 0, mode: 0o600 }, TypeError, "mode must be absent beside port"],
    [{ path: 5 }, TypeError, "path must be a string that is not empty, got 5"],
    [{ path: `/${"a".repeat(150)}` }, RangeError, "bytes long, got 151"],
    [{ path: "/tmp/a", port: 0 }, TypeError, "port must be absent beside path"],
    [{ path: "/tmp/a", hostname: "b" }, TypeError, "hostname must be absent"],
    [{ path: "/tmp/a", noDelay: true }, TypeError, "noDelay must be absent"],
    [{ path: "/tmp/a", mode: "600" }, TypeError, "mode must be a number"],
    [
      { path: "/tmp/a", mode: 0o1000 },
      RangeError,
      "mode must be an integer from 0o0",
    ],
    [{ path: "/tmp/a", mode: 0.5 }, RangeError, "got 0.5"],
    [{ acceptor, port: 0 }, TypeError, "port must be absent beside acceptor"],
    [{ acceptor, path: "/a" }, TypeError, "path must be absent"],
    [{ acceptor, keepAlive: true }, TypeError, "keepAlive must be absent"],
  ];
  const tls: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [true, TypeError, "tls must be an object, got true"],
    [{}, TypeError, "cert must be a CERTIFICATE in PEM form"],
    [{ cert, key: cert }, TypeError, "key must be a PRIVATE KEY in PEM form"],
    [
      { cert: cert.slice(0, -40), key },
      TypeError,
      "cert must be a CERTIFICATE in PEM form, got one that is damaged",
    ],
    [
      { cert, key, clientCaCert: [cert] },
      TypeError,
      'Cannot listen: unknown option "clientCaCert" of tls, did you mean clientCaCerts?',
    ],
    [
      { cert, key, clientCaCerts: [cert.replace(/\n.{9}/, "\n")] },
      TypeError,
      "clientCaCerts must be a CERTIFICATE in PEM form, got one that is damaged",
    ],
    [
      { cert, key, alpnProtocols: ["a".repeat(256)], dropSilent: true },
      RangeError,
      "alpnProtocols must be an array of names of 1 to 255 bytes",
    ],
    [
      { cert, key, pinnedFingerprint256: "0".repeat(64) },
      TypeError,
      "pinnedFingerprint256 must be absent without clientCaCerts",
    ],
  ];
  for (const [options, kind, text] of tls) {
    for (const where of [{ port: 0 }, { path: "/tmp/a" }, { acceptor }]) {
      wrong.push([{ ...where, tls: options }, kind, text]);
    }
  }
  for (const [options, kind, text] of wrong) {
    assertThrows(() => bind(options as BindOptions), kind, text);
  }
  if (Deno.build.os !== "linux") return;
  const abstract = { path: "\0a", mode: 0o600 };
  assertThrows(() => bind(abstract), TypeError, "mode must be absent");
});

Deno.test(
  "bind() speaks TLS over an acceptor of one's own",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const [left, right] = memoryTransportPair();
    let closed = 0;
    const below: Acceptor<MemoryAddr> = {
      addr: { transport: "memory", name: "here" },
      accept: () => Promise.resolve(right),
      close: () => void closed++,
    };
    const acceptor = bind({ acceptor: below, tls: await authority.issue() });
    assertEquals(acceptor.addr.name, "here");
    const server = await acceptor.accept();
    const [client] = await Promise.all([
      startTls(left, { caCerts: [authority.cert] }),
      server.handshake?.(),
    ]);
    await server.write(new Uint8Array(3));
    assertEquals(await client.read(new Uint8Array(9)), 3);
    client.close();
    server.close();
    acceptor.close();
    assertEquals(closed, 1);
  },
);

Deno.test(
  "bind() opens nothing where certificate and key do not fit",
  UNIX,
  () =>
    withPath(async (path) => {
      const authority = await createAuthority();
      const { cert } = await authority.issue();
      const { key } = await authority.issue();
      const error = assertThrows(
        () => bind({ path, tls: { cert, key } }),
        TlsError,
        "certificate and key do not belong together",
      );
      assertEquals(error.reason, "bad-configuration");
      assert(!exists(path));
    }),
);

Deno.test(
  "bind() closes what it has opened when the mode cannot be set",
  UNIX,
  () =>
    withPath(async (path) => {
      const { chmodSync } = Deno;
      Deno.chmodSync = () => {
        throw new Deno.errors.PermissionDenied("Operation not permitted");
      };
      try {
        assertThrows(() => bind({ path, mode: 0o600 }));
      } finally {
        Deno.chmodSync = chmodSync;
      }
      // The sanitizers find a listener that is left.
      assert(!exists(path));
      await Promise.resolve();
    }),
);

Deno.test(
  "bind() closes what it has opened when its file cannot be looked at",
  UNIX,
  () =>
    withPath(async (path) => {
      const { lstatSync } = Deno;
      Deno.lstatSync = () => {
        throw new Deno.errors.PermissionDenied("Permission denied");
      };
      try {
        assertThrows(() => bind({ path }));
      } finally {
        Deno.lstatSync = lstatSync;
      }
      // The sanitizers find a listener that is left.
      assert(!exists(path));
      await Promise.resolve();
    }),
);

Deno.test(
  "close() works when another folder or a file took the place of its own",
  UNIX,
  () =>
    withPath(async (path) => {
      const folder = `${path}.d`;
      for (const kind of ["folder", "file"]) {
        await Deno.mkdir(folder);
        const acceptor = bind({ path: `${folder}/a.sock` });
        const accepting = assertRejects(
          () => acceptor.accept(),
          Deno.errors.BadResource,
        );
        await Deno.rename(folder, `${folder}.${kind}`);
        if (kind === "folder") await Deno.mkdir(folder);
        else await Deno.writeTextFile(folder, "");
        acceptor.close();
        await accepting;
        await Deno.remove(folder, { recursive: true });
      }
    }),
);

Deno.test(
  "accept() hands out TCP connections one at a time",
  TIMEOUT,
  async () => {
    const acceptor = bind(LOCAL);
    const first = acceptor.accept();
    await assertRejects(() => acceptor.accept(), Deno.errors.Busy);
    const clients = [
      await dial({ port: portOf(acceptor) }),
      await dial({ port: portOf(acceptor) }),
    ];
    const servers: AcceptedTransport[] = [await first, await acceptor.accept()];
    assertEquals(servers.map((server) => server.handshake), [
      undefined,
      undefined,
    ]);
    assertEquals(
      servers.map(({ remoteAddr }) => remoteAddr),
      clients.map(({ localAddr }) => localAddr),
    );
    for (const transport of [...clients, ...servers]) transport.close();
    acceptor.close();
  },
);
