import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Addr, parseAddress } from "../../lib/addr.ts";
import { viaProxy } from "../../lib/client/via_proxy.ts";
import { permissionsFor } from "../../lib/permissions/permission_plan.ts";
import { runProbe } from "./_run_probe.ts";

const TIMEOUT = { timeout: 60_000 };

/** Some containers have no IPv6. */
const HAS_IPV6 = Deno.networkInterfaces().some(({ address }) =>
  address === "::1"
);

Deno.test("permissionsFor() plans one net permission for TCP and TLS", () => {
  const forms: [Parameters<typeof permissionsFor>[0], string][] = [
    [{ port: 8888 }, "127.0.0.1:8888"],
    [{ port: 0 }, "127.0.0.1:0"],
    [{ hostname: "0.0.0.0", port: 80 }, "0.0.0.0:80"],
    [{ hostname: "localhost", port: 80 }, "localhost:80"],
    [{ hostname: "example.com.", port: 443, tls: true }, "example.com.:443"],
    [{ hostname: "::1", port: 80 }, "[::1]:80"],
    [{ hostname: "[::1]", port: 80 }, "[::1]:80"],
    [{ path: undefined, port: 80 }, "127.0.0.1:80"],
    [{ hostname: "::ffff:1.2.3.4", port: 80 }, "[::ffff:1.2.3.4]:80"],
    [{ hostname: "fe80::1%eth0", port: 80 }, "[fe80::1%eth0]:80"],
  ];
  for (const [options, host] of forms) {
    const plan = permissionsFor(options);
    assertEquals(plan.flags, [`--allow-net=${host}`]);
    assertEquals(plan.descriptors, [{ name: "net", host }]);
    assertEquals(plan.unstable, []);
    assertEquals(plan.purpose, `use ${host}`);
  }
});

Deno.test("permissionsFor() plans read, write and net for a Unix path", () => {
  const plan = permissionsFor({ path: "/run/a b.sock" }, { action: "connect" });
  assertEquals(plan, {
    purpose: "connect to unix:/run/a b.sock",
    flags: [
      "--allow-read=/run/a b.sock",
      "--allow-write=/run/a b.sock",
      "--allow-net=unix:/run/a b.sock",
    ],
    descriptors: [
      { name: "read", path: "/run/a b.sock" },
      { name: "write", path: "/run/a b.sock" },
      { name: "net", host: "unix:/run/a b.sock" },
    ],
    unstable: [],
  });
});

Deno.test("permissionsFor() makes a relative path absolute, as flags must be", () => {
  for (const path of ["x.sock", "./x.sock", ".//././x.sock"]) {
    const { flags } = permissionsFor({ path });
    assertEquals(flags.at(-1), `--allow-net=unix:${Deno.cwd()}/x.sock`);
  }
  const { flags } = permissionsFor({ path: ".x.sock" });
  assertEquals(flags[0], `--allow-read=${Deno.cwd()}/.x.sock`);
});

Deno.test("permissionsFor() takes what parseAddress() gives", () => {
  for (
    const text of ["[::1]:80", "tls://example.com:443", "unix:/run/x.sock"]
  ) {
    const { flags } = permissionsFor(parseAddress(text as string));
    assertEquals(flags.at(-1), `--allow-net=${text.replace("tls://", "")}`);
  }
});

Deno.test("permissionsFor() plans the flag of reusePort, and what descriptors take", () => {
  assertEquals(permissionsFor({ port: 80, reusePort: true }), {
    purpose: "use 127.0.0.1:80",
    flags: ["--allow-net=127.0.0.1:80"],
    descriptors: [{ name: "net", host: "127.0.0.1:80" }],
    unstable: ["--unstable-net"],
  });
  assertEquals(permissionsFor({ port: 80, reusePort: false }).unstable, []);
  const action = "listen";
  assertEquals(permissionsFor({ listenFd: 3 }, { action }), {
    purpose: "listen on descriptor 3",
    flags: [],
    descriptors: [],
    unstable: [],
  });
  const named = permissionsFor({ listenFd: "web" }, { action });
  assertEquals(named.purpose, 'listen on descriptor "web"');
  assertEquals(named.flags, [
    "--allow-env=LISTEN_FDS,LISTEN_PID,LISTEN_FDNAMES",
  ]);
  assertEquals(named.descriptors[1], { name: "env", variable: "LISTEN_PID" });
  for (
    const bad of [{ listenFd: -1 }, { listenFd: "" }, { listenFd: 3, port: 1 }]
  ) {
    assertThrows(
      () => permissionsFor(bad as { listenFd: number }),
      Error,
      "Cannot plan permissions: ",
    );
  }
});

Deno.test("permissionsFor() plans each of several hosts once", () => {
  const hosts = [
    { hostname: "db1", port: 5432 },
    { hostname: "db2", port: 5432 },
    { hostname: "db1", port: 5432 },
    { port: 80 },
  ];
  const plan = permissionsFor({ hosts, tls: true }, { action: "connect" });
  assertEquals(plan.flags, ["--allow-net=db1:5432,db2:5432,127.0.0.1:80"]);
  assertEquals(plan.purpose, "connect to db1:5432, db2:5432, 127.0.0.1:80");
  assertEquals(plan.descriptors.length, 3);
});

Deno.test("permissionsFor() plans what a dialer goes through, and not what is behind it", () => {
  const dialers: [Addr, string[]][] = [
    [{ transport: "tcp", hostname: "proxy", port: 1080 }, [
      "--allow-net=proxy:1080",
    ]],
    [{ transport: "unix", path: "/run/x" }, [
      "--allow-read=/run/x",
      "--allow-write=/run/x",
      "--allow-net=unix:/run/x",
    ]],
    [{ transport: "memory", name: "test" }, []],
  ];
  for (const [addr, flags] of dialers) {
    const dialer = { addr };
    const hosts = [{ hostname: "a", port: 1 }];
    for (
      const options of [
        { hostname: "a", port: 1, dialer },
        { dialer },
        { hosts, dialer },
      ]
    ) assertEquals(permissionsFor(options).flags, flags);
  }
});

Deno.test("permissionsFor() refuses what no flag can express", () => {
  const hosts = ["a,b", "hôte", "a b", ":::"].map((hostname) => ({
    hostname,
    port: 80,
  }));
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ...hosts.map((options): [unknown, typeof TypeError, string] => [
      options,
      TypeError,
      "Cannot parse the address: ",
    ]),
    [undefined, TypeError, "options must be an object, got undefined"],
    [{}, TypeError, "port must be a number, got undefined"],
    [{ port: "x" }, TypeError, 'port must be a number, got "x"'],
    [{ port: 1.5 }, RangeError, "port must be an integer from 0 to 65535"],
    [{ port: 65_536 }, RangeError, "port must be an integer from 0 to 65535"],
    [{ port: -1 }, RangeError, "port must be an integer from 0 to 65535"],
    [{ hostname: "", port: 80 }, TypeError, "hostname must be a string"],
    [{ path: "" }, TypeError, "path must be a string that is not empty"],
    [{ path: 80 }, TypeError, "path must be a string that is not empty"],
    [{ path: "/a,b" }, RangeError, "path must be without a comma"],
    [{ path: "\0a" }, RangeError, "path must be that of a file"],
    [{ path: "/a\0b" }, RangeError, "path must be without NUL characters"],
    [{ path: "/a", port: 1 }, TypeError, "port must be absent beside path"],
    [{ hosts: [] }, TypeError, "hosts must be an array of at least one host"],
    [{ hosts: [5] }, TypeError, "hosts[0] must be an object, got 5"],
    [{ hosts: [{}] }, TypeError, "port must be a number, got undefined"],
    [{ hosts: [{ port: 1 }], port: 1 }, TypeError, "absent beside hosts"],
    [{ dialer: 5 }, TypeError, "dialer must be an object, got 5"],
    [{ dialer: {} }, TypeError, "dialer.addr must be an object"],
    [
      { dialer: { addr: { transport: "tcp" } } },
      TypeError,
      "port must be a number",
    ],
    [{ dialer: { addr: {} }, path: "/a" }, TypeError, "absent beside dialer"],
    [
      { path: "/a", hostname: "b" },
      TypeError,
      'Cannot plan permissions: hostname must be absent beside path, got "b"',
    ],
  ];
  for (const [options, kind, text] of wrong) {
    assertThrows(() => permissionsFor(options as { port: number }), kind, text);
  }
  assertThrows(
    () => permissionsFor({ port: 80 }, { action: "bind" as "listen" }),
    RangeError,
    'action must be "connect" or "listen", got "bind"',
  );
  assertThrows(
    () => permissionsFor({ port: 80 }, { actions: "listen" } as object),
    TypeError,
    'unknown option "actions" of how, did you mean action?',
  );
});

/** Runs with exactly the plan, then again without each of its flags. */
async function assertExact(
  action: string,
  options: Parameters<typeof permissionsFor>[0],
  expected = "ok",
) {
  const { flags } = permissionsFor(options);
  const exact = await runProbe(flags, action, options);
  assertEquals(exact.stdout, expected, exact.stderr);
  for (const left of flags) {
    const rest = flags.filter((flag) => flag !== left);
    const { stdout } = await runProbe(rest, action, options);
    assertEquals(stdout, "permission", `it works without ${left}`);
  }
}

/** Listens on a free port, which is taken while `use` runs. */
async function withServer(
  hostname: string,
  use: (port: number) => Promise<void>,
) {
  const listener = Deno.listen({ hostname, port: 0 });
  const accepting = (async () => {
    for await (const conn of listener) conn.close();
  })();
  try {
    await use(listener.addr.port);
  } finally {
    listener.close();
    await accepting;
  }
}

Deno.test("a plan to listen on TCP is exact", TIMEOUT, async () => {
  await assertExact("listen", { port: 0 });
  await assertExact("listen", { hostname: "localhost", port: 0 });
  if (HAS_IPV6) await assertExact("listen", { hostname: "::1", port: 0 });
});

Deno.test("a plan to connect to TCP is exact", TIMEOUT, async () => {
  await withServer("127.0.0.1", async (port) => {
    await assertExact("connect", { port });
    await assertExact("connect", { hostname: "localhost", port });
  });
  if (!HAS_IPV6) return;
  await withServer("::1", async (port) => {
    await assertExact("connect", { hostname: "::1", port });
  });
});

Deno.test("a plan to connect to several hosts is exact", TIMEOUT, async () => {
  await withServer("127.0.0.1", async (port) => {
    await assertExact("connect", {
      hosts: [{ hostname: "localhost", port }, { hostname: "localhost", port }],
    });
  });
});

Deno.test("a plan to connect through a proxy is exact", TIMEOUT, async () => {
  await withServer("127.0.0.1", async (port) => {
    const proxy = `socks5://user:password@127.0.0.1:${port}`;
    const target = { hostname: "example.com", port: 443 };
    const { flags } = permissionsFor({ ...target, dialer: viaProxy(proxy) });
    const options = { proxy, target };
    // The proxy hangs up: the program got as far as that.
    assertEquals((await runProbe(flags, "proxy", options)).stdout, "proxy");
    assertEquals((await runProbe([], "proxy", options)).stdout, "permission");
  });
});

Deno.test("a plan to connect over TLS is exact", TIMEOUT, async () => {
  await withServer("127.0.0.1", async (port) => {
    // The server hangs up in the handshake: it got as far as that.
    await assertExact("connect", { port, tls: true }, "tls");
  });
});

Deno.test(
  "a plan for one host and port does not cover another",
  TIMEOUT,
  async () => {
    const { flags } = permissionsFor({ port: 8888 });
    for (const other of [{ port: 0 }, { hostname: "localhost", port: 8888 }]) {
      assertEquals(
        (await runProbe(flags, "listen", other)).stdout,
        "permission",
      );
    }
  },
);

Deno.test("a plan for a Unix socket is exact", TIMEOUT, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/a b.sock`;
    await assertExact("listen", { path });
    {
      using listener = Deno.listen({ transport: "unix", path });
      const accepted = listener.accept();
      await assertExact("connect", { path });
      (await accepted).close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test(
  "a plan for a Unix socket covers a stale file and a mode",
  TIMEOUT,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/x.sock`;
      const { flags } = permissionsFor({ path });
      // A process that exits at once leaves its file behind.
      const crash = `Deno.listen({ transport: "unix", path: ${
        JSON.stringify(path)
      } }); Deno.exit()`;
      await new Deno.Command(Deno.execPath(), {
        args: ["eval", "--no-config", crash],
      }).output();
      assert((await Deno.lstat(path)).isSocket);
      const { stdout } = await runProbe(flags, "listen", { path, mode: 0o600 });
      assertEquals(stdout, "ok");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  "a plan for a relative Unix path works from the same folder",
  TIMEOUT,
  async () => {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    const options = { path: "./x.sock" };
    try {
      // The folder belongs to a whole process, and so to the tests that run beside this one.
      const plan = await runProbe(["--allow-read"], "plan", options, folder);
      const flags = JSON.parse(plan.stdout);
      const { stdout } = await runProbe(flags, "listen", options, folder);
      assertEquals(stdout, "ok");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
