/**
 * What stands in front of the servers: balancers, and a certificate that is renewed.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BrokenError, connect } from "@sluice/net";
import { withImportMap } from "../../tools/_command.ts";
import { findStdSource } from "../../tools/_std.ts";
import { type Certificate, createAuthority } from "../_support/certificates.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import {
  Example,
  exampleCommand,
  runExample,
  startServer,
} from "./_example.ts";

const timeout = 60_000;

/** What each server answers. */
const SERVERS = [
  { name: "echo_server", sent: "hello\n", answer: "hello" },
  { name: "redis/server", sent: "PING\r\n", answer: "+PONG" },
];

async function writePair(dir: string, { cert, key }: Certificate) {
  await Deno.writeTextFile(`${dir}/cert.pem`, cert);
  await Deno.writeTextFile(`${dir}/key.pem`, key);
}

/** The certificate that `openssl` is shown, in PEM form. */
async function shownTo(port: number): Promise<string> {
  const { stdout } = await new Deno.Command(program("openssl"), {
    args: ["s_client", "-connect", `127.0.0.1:${port}`],
    stdin: "null",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const [shown] = /-----BEGIN[^]*?-----END CERTIFICATE-----/.exec(text) ?? [];
  return (shown ?? text).replaceAll(/\s/g, "");
}

for (const { name, sent, answer } of SERVERS) {
  Deno.test(
    `${name} reads its certificate again at SIGHUP, and keeps the old one if it must`,
    {
      timeout,
      ignore: lacksPrograms("openssl") || Deno.build.os === "windows",
    },
    async () => {
      const authority = await createAuthority();
      const [first, second] = [
        await authority.issue(),
        await authority.issue(),
      ];
      const dir = await Deno.makeTempDir();
      await writePair(dir, first);
      const flags = ["--cert", "cert.pem", "--key", "key.pem"];
      const server = Example.spawn(Deno.execPath(), {
        args: [
          ...await exampleCommand(name),
          "--listen",
          "127.0.0.1:0",
          ...flags,
        ],
        cwd: dir,
      });
      await using _ = server;
      const [, digits] = await server.printed(/on 127\.0\.0\.1:(\d+)/);
      const port = Number(digits);
      const shown = (pair: Certificate) => pair.cert.replaceAll(/\s/g, "");
      assertEquals(await shownTo(port), shown(first));

      await using early = await connect({
        port,
        tls: { caCerts: [authority.cert] },
      });
      const isServed = async () => {
        await early.write(sent);
        assertEquals(await early.readLine({ timeoutMs: 20_000 }), answer);
      };
      await isServed();

      // They do not belong together; then one is missing; then all is well.
      await writePair(dir, { cert: first.cert, key: second.key });
      Deno.kill(server.pid, "SIGHUP");
      await server.complained(
        /belong together \(the old certificate stays\)\n/,
      );
      assertEquals(await shownTo(port), shown(first));
      await Deno.remove(`${dir}/key.pem`);
      Deno.kill(server.pid, "SIGHUP");
      await server.complained(
        /\nCannot read key.pem: there is no such file \(/,
      );
      await writePair(dir, second);
      Deno.kill(server.pid, "SIGHUP");
      await server.printed(/the certificate was read again\n/);
      assertEquals(await shownTo(port), shown(second));
      await isServed();

      await early.close();
      server.interrupt();
      assertEquals((await server.ended()).code, 0);
      await Deno.remove(dir, { recursive: true });
    },
  );

  Deno.test(
    `${name} believes the proxies of --proxy-protocol, and serves nothing else then`,
    {
      timeout,
    },
    async () => {
      const { server, port } = await startServer(
        name,
        ...[
          "--proxy-protocol",
          "10.0.0.0/8",
          "--proxy-protocol",
          "127.0.0.1/32",
        ],
      );
      await using _ = server;
      await using client = await connect({
        port,
        proxyProtocol: {
          sourceAddr: { transport: "tcp", hostname: "192.0.2.1", port: 50_000 },
          destinationAddr: { transport: "tcp", hostname: "192.0.2.2", port: 1 },
        },
      });
      await client.write(sent);
      assertEquals(await client.readLine({ timeoutMs: 20_000 }), answer);
      if (name === "echo_server") {
        await server.printed(/^192\.0\.2\.1:50000 came/m);
      }

      const others = await startServer(name, "--proxy-protocol", "10.0.0.0/8");
      await using _others = others.server;
      await using stranger = await connect({ port: others.port });
      await stranger.write(sent).catch(() => {});
      assertEquals(await stranger.read().catch(() => null), null);
    },
  );
}

Deno.test("flags of what is in front of a server that are wrong are one line", {
  timeout,
}, async () => {
  const cases: [string[], RegExp][] = [
    [["--cert", "cert.pem"], /--cert and --key must be given together/],
    [
      ["--proxy-protocol", "10.0.0.0/99"],
      /^Cannot read the ranges: each of trustedProxies .*10\.0\.0\.0\/99/,
    ],
    [
      ["--cert", "cert.pem", "--key", "key.pem"],
      /^Cannot read (cert|key)\.pem: there is no such file/,
    ],
    [
      ["--cert", "other.pem", "--key", "key.pem"],
      /run again with --allow-read=other.pem/,
    ],
  ];
  const endings = await Promise.all(
    cases.map(([flags]) =>
      runExample("echo_server", "--listen", "127.0.0.1:0", ...flags)
    ),
  );
  for (const [index, { code, errors, output }] of endings.entries()) {
    assertMatch(errors, cases[index][1]);
    assertEquals(errors.split("\n").length, 2, errors);
    assertEquals(output, "");
    assert(code === 1 || code === 2);
  }
});

Deno.test(
  "echo_server --workers has workers of its own, and replaces them at SIGHUP",
  {
    timeout: 120_000,
    ignore: lacksPrograms("openssl") || Deno.build.os === "windows",
  },
  async () => {
    const authority = await createAuthority();
    const [first, second] = [await authority.issue(), await authority.issue()];
    const dir = await Deno.makeTempDir();
    await writePair(dir, first);
    const allowed = [`--allow-run=${Deno.execPath()}`, "--allow-env"];
    const [run, ...command] = await exampleCommand("echo_server");
    const flags = ["--cert", "cert.pem", "--key", "key.pem", "--workers", "2"];
    const server = Example.spawn(Deno.execPath(), {
      args: [run, ...allowed, ...command, "--listen", "127.0.0.1:0", ...flags],
      cwd: dir,
    });
    await using _ = server;
    const [, digits] = await server.printed(
      /on 127\.0\.0\.1:(\d+), 2 workers/,
    );
    const port = Number(digits);
    const shown = (pair: Certificate) => pair.cert.replaceAll(/\s/g, "");
    const isServed = async () => {
      const tls = { caCerts: [authority.cert] };
      await using client = await connect({ port, tls });
      await client.write("hello\n");
      assertEquals(await client.readLine({ timeoutMs: 20_000 }), "hello");
    };
    await Promise.all([isServed(), isServed(), isServed(), isServed()]);
    assertEquals(await shownTo(port), shown(first));

    await writePair(dir, { cert: first.cert, key: second.key });
    Deno.kill(server.pid, "SIGHUP");
    await server.complained(/\(the old workers stay\)\n/);
    await isServed();
    if (Deno.build.os === "linux") { // To find a worker.
      const tasks = `/proc/${server.pid}/task/${server.pid}/children`;
      const [worker] = (await Deno.readTextFile(tasks)).split(" ");
      Deno.kill(Number(worker), "SIGKILL");
      await server.complained(
        /^a worker died \(exited\), another one starts\na worker died \(failed: Cannot .+\), another/m,
      );
    }
    await writePair(dir, second);
    Deno.kill(server.pid, "SIGHUP");
    await server.printed(/the workers were replaced\n/);
    assertEquals(await shownTo(port), shown(second));
    await isServed();

    server.interrupt();
    const { code, output } = await server.ended();
    assertMatch(output, /\ndrained: \d+ finished, 0 cut off\n$/);
    assertEquals(code, 0);
    await Deno.remove(dir, { recursive: true });
  },
);

Deno.test(
  "--workers does not say that it listens where Ctrl-C came while its workers started",
  { timeout, ignore: Deno.build.os === "windows" },
  async () => {
    const program = new URL("_interrupted_workers.ts", import.meta.url);
    const flags = ["--allow-net=127.0.0.1", "--allow-run", "--allow-env"];
    const args = withImportMap(
      ["run", "--quiet", ...flags, program.pathname],
      await findStdSource(),
    );
    await using server = Example.spawn(Deno.execPath(), { args, cwd: "." });
    const { code, output, errors } = await server.ended();
    assertEquals(errors, "");
    assertEquals(
      output,
      "waiting for 1 worker to end; Ctrl-C again cuts off the rest\n" +
        "drained: 0 finished, 0 cut off\n",
    );
    assertEquals(code, 0);
  },
);

Deno.test(
  "--workers names the permissions that it takes, and the address that it cannot have",
  {
    timeout,
  },
  async () => {
    const [denied, onPath] = await Promise.all([
      runExample("echo_server", "--listen", "127.0.0.1:0", "--workers", "2"),
      runExample("echo_server", "--listen", "unix:/tmp/x", "--workers", "2"),
    ]);
    assertMatch(
      denied.errors,
      /^Cannot supervise: run again with --allow-run=\S+ --allow-env\n$/,
    );
    assertEquals(denied.code, 1);
    assertMatch(onPath.errors, /^Cannot .*\n$/);
  },
);

Deno.test(
  "redis/server --workers has one set of data behind all workers, and clients with their addresses",
  {
    timeout: 120_000,
    ignore: Deno.build.os === "windows",
  },
  async () => {
    const allowed = [`--allow-run=${Deno.execPath()}`, "--allow-env"];
    const [run, ...command] = await exampleCommand("redis/server");
    const flags = ["--workers", "3", "--proxy-protocol", "127.0.0.1"];
    const server = Example.spawn(Deno.execPath(), {
      args: [run, ...allowed, ...command, "--listen", "127.0.0.1:0", ...flags],
      cwd: Deno.cwd(),
    });
    await using _ = server;
    const [, port] = await server.printed(/on 127\.0\.0\.1:(\d+), 3 workers/);
    const ask = async (line: string) => {
      await using client = await connect({
        port: Number(port),
        proxyProtocol: {
          sourceAddr: { transport: "tcp", hostname: "192.0.2.1", port: 50_000 },
          destinationAddr: { transport: "tcp", hostname: "192.0.2.2", port: 1 },
        },
      });
      await client.write(`${line}\r\n`);
      return await client.readLine({ timeoutMs: 20_000 });
    };
    assertEquals(await ask("SET visits 41"), "+OK");
    // Whichever worker has them.
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => ask("INCR visits")),
    );
    const numbers = answers.map((answer) => Number(answer!.slice(1)));
    assertEquals(
      numbers.sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, index) => 42 + index),
    );
    if (Deno.build.os === "linux") {
      const port = await dataPortOf(server.pid);
      assertEquals(await askData(port, undefined), null);
      assertEquals(await askData(port, crypto.randomUUID()), null);
    }
    server.interrupt();
    const { code, errors } = await server.ended();
    assertEquals([code, errors], [0, ""]);
  },
);

/** Where the process has the data that its workers serve: they are told by an argument. */
async function dataPortOf(pid: number): Promise<number> {
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}/children`;
    for (const child of (await Deno.readTextFile(path)).split(" ")) {
      if (child === "") continue;
      const command = await Deno.readTextFile(`/proc/${child}/cmdline`);
      const found = /"dataPort":(\d+)/.exec(command);
      if (found !== null) return Number(found[1]);
    }
  }
  throw new Error(`process ${pid} has no worker`);
}

/** What another program of the machine gets from the process with the data: nothing, or so it should be. */
async function askData(
  port: number,
  secret: string | undefined,
): Promise<string | null> {
  const uniqueId = secret === undefined
    ? undefined
    : new TextEncoder().encode(secret);
  await using client = await connect({ port, proxyProtocol: { uniqueId } });
  await client.write("GET visits\r\n");
  // Closing with a question unread, the process may reset the connection.
  return await client.readLine({ timeoutMs: 20_000 }).catch((error) => {
    if (error instanceof BrokenError) return null;
    throw error;
  });
}
