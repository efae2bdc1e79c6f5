/**
 * Listening on descriptors that another process has opened.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BrokenError, PermissionError } from "../../lib/errors.ts";
import { bind } from "../../lib/transport/bind.ts";
import type { BindOptions } from "../../lib/transport/options.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { createAuthority } from "../_support/certificates.ts";
import { type Running, start } from "../_support/run_program.ts";
import { runWithSockets, withSockets } from "../_support/with_sockets.ts";

const NEEDS_PYTHON = { timeout: 60_000, ignore: lacksPrograms("python3") };

const CERTIFICATE = await (await createAuthority()).issue();

/** What a program says of an error. */
const TELL = `
const tell = (options) => {
  try {
    serve(options, () => {});
    return "it listens";
  } catch (error) {
    const { name, code, reason, flags, message } = error;
    return { name, code, reason, flags, message };
  }
};
`;

interface Told {
  name: string;
  code?: string;
  reason?: string;
  flags?: string[];
  message: string;
}

Deno.test(
  "a descriptor does all that a transport has to do, over TCP and a Unix socket",
  NEEDS_PYTHON,
  async () => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/s`;
    const told = await runWithSockets(
      ["tcp", `unix:${path}`],
      `
import { checkTransport } from "@sluice/net/testing";
import { bind } from "./lib/transport/bind.ts";
import { dial } from "./lib/transport/dial.ts";
const addrs = [];
for (const listenFd of [3, 4]) {
  const acceptor = bind({ listenFd });
  const { addr } = acceptor;
  addrs.push(addr);
  const target = addr.transport === "tcp" ? { port: addr.port } : { path: "${path}" };
  await checkTransport(() => Promise.all([dial(target), acceptor.accept()]), { bulkBytes: 1_000_000 });
  acceptor.close();
}
console.log(JSON.stringify(addrs));`,
      {
        flags: [
          "--allow-net",
          `--allow-read=${path}`,
          `--allow-write=${path}`,
        ],
      },
    );
    const [tcp, unix] = told as [Deno.NetAddr, Deno.UnixAddr];
    assertEquals([tcp.hostname, tcp.port > 0], ["127.0.0.1", true]);
    assertEquals(unix, { transport: "unix", path: "" });
    await Deno.remove(folder, { recursive: true });
  },
);

Deno.test(
  "serve() takes a descriptor by its number without any permission, several by name",
  NEEDS_PYTHON,
  async () => {
    const source = (fds: string) => `
import { connect, serve } from "@sluice/net";
const servers = ${fds}.map((listenFd) => serve({ listenFd }, async (socket) => {
  await socket.write(\`\${listenFd} \${await socket.readLine()} \${socket.remoteAddr.hostname}\\n\`);
}));
const lines = [];
for (const { addr } of servers) {
  if ((await Deno.permissions.query({ name: "net", host: "127.0.0.1" })).state !== "granted") continue;
  const client = await connect({ port: addr.port });
  await client.write("hello\\n");
  lines.push(await client.readLine());
  await client.close();
}
for (const server of servers) await server.shutdown();
console.log(JSON.stringify(lines));`;
    const variables = "LISTEN_FDS,LISTEN_PID,LISTEN_FDNAMES";
    const [none, named] = await Promise.all([
      runWithSockets(["tcp", "tcp"], source("[3, 4]")),
      runWithSockets(
        ["tcp=web", "tcp", "tcp=admin"],
        source(`["admin", "web"]`),
        {
          flags: ["--allow-net=127.0.0.1", `--allow-env=${variables}`],
        },
      ),
    ]);
    assertEquals(none, []);
    assertEquals(named, ["admin hello 127.0.0.1", "web hello 127.0.0.1"]);
  },
);

Deno.test(
  "what is no listening socket is one error, and names need their permission",
  NEEDS_PYTHON,
  async () => {
    const kinds = ["connected", "udp", "file", "pipe", "tcp"];
    const told = await runWithSockets(
      kinds,
      `
import { serve } from "@sluice/net";
${TELL}
const told = [3, 4, 5, 6, 99].map((listenFd) => tell({ listenFd }));
const first = serve({ listenFd: 7 }, () => {});
told.push(tell({ listenFd: 7 }), tell({ listenFd: "web" }));
await first.shutdown();
console.log(JSON.stringify(told));`,
    ) as Told[];
    const named = told.pop()!;
    for (const [index, { name, code, reason, message }] of told.entries()) {
      assertEquals([name, code, reason], [
        "BrokenError",
        "broken",
        "not-available",
      ]);
      const fd = [3, 4, 5, 6, 99, 7][index];
      assertStringIncludes(message, `Cannot listen on descriptor ${fd}: it is`);
    }
    assertEquals([named.name, named.code], ["PermissionError", "permission"]);
    assertEquals(named.flags, [
      "--allow-env=LISTEN_FDS,LISTEN_PID,LISTEN_FDNAMES",
    ]);
  },
);

/** Sets the variables for one call. */
function withVariables<T>(
  variables: Record<string, string | undefined>,
  call: () => T,
): T {
  const names = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];
  const before = names.map((name) => Deno.env.get(name));
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  for (const name of names) set(name, variables[name]);
  try {
    return call();
  } finally {
    names.forEach((name, index) => set(name, before[index]));
  }
}

Deno.test("a name that systemd did not pass to this process is one error", {
  ignore: Deno.build.os === "windows",
}, () => {
  const LISTEN_PID = String(Deno.pid);
  const cases: [Record<string, string>, string, string][] = [
    [{}, "not-found", "no socket was passed to this process (LISTEN_FDS"],
    [{ LISTEN_FDS: "1" }, "not-found", "(LISTEN_PID is not set"],
    [
      { LISTEN_FDS: "1", LISTEN_PID: "1" },
      "not-available",
      `for process "1", and this is ${LISTEN_PID}`,
    ],
    [
      { LISTEN_FDS: "2", LISTEN_PID, LISTEN_FDNAMES: "a:b" },
      "not-found",
      'no socket has this name (known are "a", "b")',
    ],
    [
      { LISTEN_FDS: "1", LISTEN_PID, LISTEN_FDNAMES: "a:web" },
      "not-found",
      '(known are "a")',
    ],
    [{ LISTEN_FDS: "2", LISTEN_PID }, "not-found", '(known are "unknown")'],
    [
      { LISTEN_FDS: "3", LISTEN_PID, LISTEN_FDNAMES: "web:a:web" },
      "not-available",
      "several sockets have this name, 3 and 5 among them",
    ],
    ...["0", "-1", "many", "1.5", ""].map((
      LISTEN_FDS,
    ): [Record<string, string>, string, string] => [
      { LISTEN_FDS, LISTEN_PID },
      "not-found",
      "LISTEN_FDS must be an integer of at least 1",
    ]),
  ];
  for (const [variables, reason, message] of cases) {
    const error = withVariables(
      variables,
      () => assertThrows(() => bind({ listenFd: "web" }), BrokenError),
    );
    assertEquals(error.reason, reason, error.message);
    assertStringIncludes(
      error.message,
      'Cannot listen on descriptor "web": ',
    );
    assertStringIncludes(error.message, message);
  }
});

Deno.test("options that make no sense beside each other are refused at once", () => {
  const acceptor = {
    addr: { transport: "memory", name: "here" } as const,
    accept: () => Promise.reject(new Error("no client comes")),
    close() {},
  };
  const cases: [object, string][] = [
    [{ listenFd: 3, port: 1 }, "port must be absent beside listenFd, got 1"],
    [{ listenFd: 3, hostname: "::" }, "hostname must be absent beside"],
    [{ listenFd: 3, path: "/a" }, "path must be absent beside listenFd"],
    [{ listenFd: 3, mode: 0o600 }, "mode must be absent beside listenFd"],
    [{ listenFd: 3, backlog: 5 }, "backlog must be absent beside listenFd"],
    [{ listenFd: 3, reusePort: true }, "reusePort must be absent beside"],
    [{ listenFd: 3, acceptor }, "listenFd must be absent beside acceptor"],
    [{ acceptor, reusePort: true }, "reusePort must be absent beside acceptor"],
    [{ acceptor, backlog: 5 }, "backlog must be absent beside acceptor"],
    [{ path: "/a", reusePort: true }, "reusePort must be absent beside path"],
    [{ path: "/a", backlog: 5 }, "backlog must be absent beside path"],
    [{ port: 0, reusePort: 1 }, "reusePort must be a boolean, got 1"],
    [{ listenFd: -1 }, "listenFd must be an integer from 0 to 2147483647"],
    [{ listenFd: 1.5 }, "listenFd must be an integer from 0 to 2147483647"],
    [{ listenFd: "" }, "listenFd must be a string that is not empty"],
    [{ listenFd: null }, "listenFd must be the number or the name of a"],
    [{ listenFd: 3, noDelay: 1 }, "noDelay must be a boolean, got 1"],
  ];
  for (const [options, message] of cases) {
    const error = assertThrows(() => bind(options as BindOptions), Error);
    assertStringIncludes(error.message, `Cannot listen: ${message}`);
    assert(error instanceof TypeError || error instanceof RangeError);
  }
});

Deno.test(
  "reusePort without its flag is one error that names it, with TLS too",
  {
    ignore: Deno.build.os !== "linux" || "listenDatagram" in Deno,
  },
  () => {
    for (const tls of [undefined, CERTIFICATE]) {
      const error = assertThrows(
        () => bind({ port: 0, reusePort: true, tls }),
        PermissionError,
        "Cannot listen on 127.0.0.1:0: Deno has reusePort behind a flag, run again with --unstable-net",
      );
      assertEquals(error.flags, ["--unstable-net"]);
    }
    bind({ port: 0, reusePort: false }).close();
  },
);

Deno.test("listeners with reusePort share a port, with TLS too", {
  ...NEEDS_PYTHON,
  ignore: NEEDS_PYTHON.ignore || Deno.build.os !== "linux",
}, async () => {
  const tls = JSON.stringify(CERTIFICATE);
  const ports = await runWithSockets(
    [],
    `
import { listen } from "@sluice/net";
const shared = (more) => {
  const first = listen({ port: 0, reusePort: true, ...more });
  const second = listen({ port: first.addr.port, reusePort: true, ...more });
  return [first, second];
};
const all = [...shared({}), ...shared({ tls: ${tls} }), ...shared({ tls: { ...${tls}, renewable: true } })];
console.log(JSON.stringify(all.map(({ addr }) => addr.port)));
for (const each of all) await each.close();`,
    { flags: ["--allow-net=127.0.0.1", "--unstable-net"] },
  ) as number[];
  assertEquals(new Set(ports).size, 3);
  assertMatch(ports.join(), /^(\d+),\1,(\d+),\2,(\d+),\3$/);
});

Deno.test(
  "a server that shuts down at its first client serves all that were accepted with it",
  NEEDS_PYTHON,
  async () => {
    const served = await runWithSockets(
      ["tcp"],
      `
import { connect, serve } from "@sluice/net";
const port = Number(Deno.env.get("SOCKET_PORTS"));
const clients = [];
for (let i = 0; i < 50; i++) clients.push(await connect({ port }));
const server = serve({ listenFd: 3 }, async (socket) => {
  server.shutdown();
  await socket.write("served\\n");
});
const lines = await Promise.all(clients.map((client) => client.readLine()));
await server.closed;
console.log(JSON.stringify(lines));`,
      { flags: ["--allow-net=127.0.0.1", "--allow-env=SOCKET_PORTS"] },
    );
    assertEquals(served, Array(50).fill("served"));
  },
);

/** Starts `_descriptor_server.ts`, and gives it and its port. */
async function startServer(
  kind: string,
  { args = [], descriptors }: { args?: string[]; descriptors?: number } = {},
): Promise<[server: Running, addr: Deno.NetAddr]> {
  const file = new URL("./_descriptor_server.ts", import.meta.url).pathname;
  const deno = ["run", "--quiet", "--no-lock", file, ...args];
  const server = start("python3", withSockets([kind], deno, descriptors));
  return [server, JSON.parse(await server.line())];
}

Deno.test(
  "a listener on a descriptor accepts again after descriptors have run out",
  {
    ...NEEDS_PYTHON,
    ignore: NEEDS_PYTHON.ignore || Deno.build.os !== "linux",
  },
  async () => {
    const [server, { port }] = await startServer("tcp", { descriptors: 60 });
    await using _ = server;
    const dial = () => Deno.connect({ port, hostname: "127.0.0.1" });
    const crowd = await Promise.all(Array.from({ length: 80 }, dial));
    const buffer = new Uint8Array(9);
    const served = new Set<Deno.Conn>();
    const reads = crowd.map((conn) =>
      conn.read(buffer).then(() => served.add(conn), () => {})
    );
    // Those that were accepted are served, until there are no descriptors.
    await Promise.race(reads);
    for (const conn of crowd) conn.close();
    await Promise.all(reads);
    const late = await dial();
    assertEquals(await late.read(buffer), 6);
    late.close();
  },
);

Deno.test(
  "at most 1,024 connections wait on a descriptor, and those beyond are closed",
  {
    ...NEEDS_PYTHON,
    ignore: NEEDS_PYTHON.ignore || Deno.build.os !== "linux",
  },
  async () => {
    const [server, { port }] = await startServer("tcp", {
      args: ["suspended"],
    });
    await using _ = server;
    const buffer = new Uint8Array(9);
    const dial = async () => {
      const conn = await Deno.connect({ port, hostname: "127.0.0.1" });
      return { conn, read: conn.read(buffer).catch(() => null) };
    };
    const crowd: Awaited<ReturnType<typeof dial>>[] = [];
    while (crowd.length < 1_100) crowd.push(await dial());
    // One call of accept had been under way when the server was suspended.
    const turnedAway = 1_100 - 1_024 - 1;
    const ended: (number | null)[] = [];
    await new Promise<void>((resolve) => {
      for (const { read } of crowd) {
        read.then((count) => {
          if (ended.push(count) === turnedAway) resolve();
        });
      }
    });
    assertEquals(new Set(ended), new Set([null]));
    await server.write("resume\n");
    const counts = await Promise.all(crowd.map(({ read }) => read));
    assertEquals(counts.filter((count) => count === 6).length, 1_025);
    for (const { conn } of crowd) conn.close();
    const { stdout } = await server.finish();
    assertEquals(JSON.parse(stdout), {
      accepted: 1_025,
      events: ["accept-error"],
    });
  },
);
