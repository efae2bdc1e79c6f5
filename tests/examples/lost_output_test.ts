import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  BrokenError,
  connect,
  framed,
  retry,
  serve,
  type Socket,
} from "@sluice/net";
import { clientSide } from "../../examples/game/protocol.ts";
import { History } from "../../examples/monitor/history.ts";
import { freePort } from "../_support/free_port.ts";
import { Workspace } from "./files/_workspace.ts";
import { Example, exampleCommand } from "./_example.ts";
import { canMount } from "./_full_disk.ts";

const timeout = 60_000;
const ignore = Deno.build.os !== "linux"; // Others have no /dev/full.
const ROOT = new URL("../../", import.meta.url);

/**
 * A server whose output is a full disk from the start. It cannot say where it listens: it is
 * told, and asked until it does.
 */
async function startMute(
  command: (port: string) => Promise<string[]>,
  { cwd = ROOT, input = "" }: { cwd?: URL | string; input?: string } = {},
) {
  const port = freePort();
  const args = await command(String(port));
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >/dev/full 2>&1', "sh", ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode(input));
  await stdin.close();
  let status: Deno.CommandStatus | undefined;
  child.status.then((ended) => status = ended);
  await retry(async () => {
    if (status !== undefined) throw new TypeError(`It ended: ${status.code}`);
    await using _ = await connect({ port });
  }, {
    attempts: 100,
    minDelayMs: 100,
    maxDelayMs: 300,
    retryIf: (error) => error instanceof BrokenError,
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      if (status === undefined) child.kill("SIGKILL");
      await child.status;
    },
  };
}

async function programOf(name: string, ...args: string[]): Promise<string[]> {
  return [Deno.execPath(), ...await exampleCommand(name), ...args];
}

const on = (port: string) => ["--listen", `127.0.0.1:${port}`];

/** What a client of each server says, and what must come back of it. */
const DIALOGUES: [name: string, said: string, heard: RegExp][] = [
  ["echo_server", "hello\n", /^hello\n/],
  ["chat/server", "ann\n", /welcome, ann;/],
];

async function hears(socket: Socket, pattern: RegExp): Promise<void> {
  let text = "";
  while (!pattern.test(text)) {
    const chunk = await socket.read({ timeoutMs: 20_000 });
    assert(chunk !== null, `it ended after: ${text}`);
    text += new TextDecoder().decode(chunk);
  }
}

for (const [name, said, heard] of DIALOGUES) {
  Deno.test(`${name} goes on though its log cannot be written`, {
    timeout,
    ignore,
  }, async () => {
    await using server = await startMute((port) =>
      programOf(name, ...on(port))
    );
    for (let round = 0; round < 3; round++) {
      await using socket = await connect({ port: server.port });
      await socket.write(said);
      await hears(socket, heard);
    }
  });
}

Deno.test("game/server goes on though its log cannot be written", {
  timeout,
  ignore,
}, async () => {
  await using server = await startMute((port) =>
    programOf("game/server", ...on(port))
  );
  for (let round = 0; round < 3; round++) {
    await using player = framed(
      await connect({ port: server.port }),
      clientSide,
    );
    await player.send({
      type: "hello",
      watch: false,
      name: "ann",
      token: undefined,
    });
    for (const type of ["welcome", "snapshot", "snapshot"]) {
      const packet = await player.receive({ timeoutMs: 20_000 });
      assertEquals(packet?.type, type);
    }
  }
});

Deno.test("socks5/proxy goes on though its log cannot be written", {
  timeout,
  ignore,
}, async () => {
  await using target = serve({ port: 0 }, (socket) => socket.write("hello"));
  const local = String(target.addr.port);
  await using server = await startMute((port) =>
    programOf("socks5/proxy", ...on(port), "--local", local)
  );
  for (const asked of [local, "1", local]) {
    await using socket = await connect({ port: server.port });
    await socket.write(`CONNECT 127.0.0.1:${asked} HTTP/1.1\r\n\r\n`);
    await hears(socket, asked === local ? /hello$/ : / 403 /);
  }
});

Deno.test("files/serve goes on though its log cannot be written", {
  timeout,
  ignore,
}, async () => {
  await using space = await Workspace.create();
  await space.write("a.bin", 1_000);
  await using server = await startMute(
    (port) => space.command("serve", "shared", ...on(port)),
    { cwd: space.path },
  );
  const address = `127.0.0.1:${server.port}`;
  for (let round = 0; round < 2; round++) {
    const sent = await space.run("send", "a.bin", "--connect", address);
    assertEquals(sent.code, 0, sent.errors);
  }
});

Deno.test(
  "monitor/watch goes on though its log cannot be written",
  {
    timeout,
    ignore,
  },
  async () => {
    const target = serve({ port: 0 }, (socket) => socket.close());
    const name = "flaps";
    const address = `127.0.0.1:${target.addr.port}`;
    const watched = { name, address, intervalMs: 100, failuresToDown: 1 };
    await using server = await startMute(
      (port) =>
        programOf(
          "monitor/watch",
          ...["--config", "stdin", "--probe", "off"],
          ...["--web", `127.0.0.1:${port}`],
        ),
      { input: JSON.stringify({ targets: [watched] }) },
    );
    await target.shutdown({ timeoutMs: 0 });
    const url = `http://127.0.0.1:${server.port}/state.json`;
    while (true) {
      const state = await (await fetch(url)).json();
      assertMatch(state.targets[0].name, /flaps/);
      if (state.alerts.length > 0) break;
    }
    // It has told of the alert, and goes on.
    const checksOf = async () => {
      const { targets } = await (await fetch(url)).json();
      return Number(targets[0].checks);
    };
    const checks = await checksOf();
    while (await checksOf() <= checks);
  },
);

Deno.test("monitor/watch goes on though the disk of its history is full", {
  timeout,
  ignore: !canMount(),
}, async () => {
  await using space = await Workspace.create();
  const path = `${space.path}/shared/history.db`;
  const args = ["--config", "stdin", "--web", "off", "--probe", "off"];
  const command = await programOf(
    "monitor/watch",
    ...[...args, "--history", path],
  );
  command.splice(2, 0, `--allow-read=${path}`, `--allow-write=${path}`);
  await using monitor = Example.spawn("unshare", {
    args: [
      "-rm",
      "sh",
      "-c",
      'mount -t tmpfs -o size=128k tmpfs "$0" && exec "$@"',
      `${space.path}/shared`,
      ...command,
    ],
    cwd: ROOT,
  });
  let target = serve({ port: 0 }, (socket) => socket.close());
  const { port } = target.addr;
  const watched = Array.from({ length: 10 }, (_, index) => ({
    name: `${index}`.repeat(40),
    address: `127.0.0.1:${port}`,
    intervalMs: 100,
    failuresToDown: 1,
    successesToUp: 1,
  }));
  await monitor.type(JSON.stringify({ targets: watched }));
  const ended = monitor.ended();
  await monitor.printed(/the history cannot be kept: database or disk is full/);
  await target.shutdown({ timeoutMs: 0 });
  await monitor.printed(/DOWN 9{40}/);
  target = serve({ port }, (socket) => socket.close());
  await monitor.printed(/UP 9{40}/);
  monitor.interrupt();
  assertEquals((await ended).errors, "");
  await target.shutdown({ timeoutMs: 0 });
});

Deno.test("monitor/watch starts though the disk of its history is full", {
  timeout,
  ignore: !canMount(),
}, async () => {
  await using space = await Workspace.create();
  const kept = `${space.path}/kept.db`;
  {
    using history = new History(kept);
    history.add("a", { at: Date.now(), ok: true, value: 1, detail: "" });
  }
  const path = `${space.path}/shared/history.db`;
  const command = await programOf(
    "monitor/watch",
    ...["--config", "stdin", "--web", "off", "--probe", "off"],
    ...["--history", path],
  );
  command.splice(2, 0, `--allow-read=${path}`, `--allow-write=${path}`);
  await using monitor = Example.spawn("unshare", {
    args: [
      "-rm",
      "sh",
      "-c",
      'disk="${0%/*}" && mount -t tmpfs -o size=128k tmpfs "$disk" && ' +
      'cp "$1" "$0" && { cat /dev/zero >"$disk/rest" 2>&-; shift; exec "$@"; }',
      path,
      kept,
      ...command,
    ],
    cwd: ROOT,
  });
  await using target = serve({ port: 0 }, (socket) => socket.close());
  const address = `127.0.0.1:${target.addr.port}`;
  await monitor.type(JSON.stringify({ targets: [{ name: "a", address }] }));
  const ended = monitor.ended();
  await monitor.printed(/the history cannot be kept: database or disk is full/);
  monitor.interrupt();
  assertEquals((await ended).errors, "");
});

Deno.test("programs end with one line where their output has no room", {
  timeout,
  ignore,
}, async () => {
  const [program, ...args] = await programOf("game/lag_demo", "--help");
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >/dev/full', "sh", program, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 1);
  assertEquals(
    new TextDecoder().decode(stderr),
    "Cannot write to standard output: No space left on device (os error 28)\n",
  );
});

Deno.test("programs end without a word where their reader has gone", {
  timeout,
}, async () => {
  const [program, ...args] = await programOf("game/lag_demo", "--help");
  const child = new Deno.Command(program, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  assertEquals(await new Response(child.stderr).text(), "");
  assertEquals((await child.status).code, 1);
});

Deno.test("no program writes to its output but where a loss is seen to", async () => {
  // The last one has a terminal.
  const careful = ["_log.ts", "_output.ts", "chat/screen.ts"];
  const careless: string[] = [];
  const examples = new URL("examples/", ROOT);
  async function look(folder: string): Promise<void> {
    for await (
      const { name, isDirectory } of Deno.readDir(
        new URL(folder || ".", examples),
      )
    ) {
      const path = folder + name;
      if (isDirectory) await look(`${path}/`);
      else if (path.endsWith(".ts") && !careful.includes(path)) {
        const text = await Deno.readTextFile(new URL(path, examples));
        if (/\bconsole\.|stdout\.write/.test(text)) careless.push(path);
      }
    }
  }
  await look("");
  assertEquals(careless, []);
});
