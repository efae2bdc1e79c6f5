import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "@sluice/net";
import { lacksPrograms } from "../_support/programs.ts";
import { runInTerminal } from "../_support/terminal.ts";
import { ROOT } from "./_checkout.ts";

const onWindows = Deno.build.os === "windows";

/** The arguments of `deno` that `deno task examples` has. */
function taskArguments(...args: string[]): string[] {
  return [
    ...["run", "--quiet", "--no-config", "--allow-read", "--allow-run"],
    "--allow-env=SLUICE_STD,INIT_CWD",
    new URL("tools/run.ts", ROOT).href,
    "examples",
    ...args,
  ];
}

function startTask(args: string[], cwd?: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: taskArguments(...args),
    cwd: ROOT,
    env: cwd === undefined ? {} : { INIT_CWD: cwd },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Text of a stream, until `pattern` is in it; the rest is still to be read. */
async function until(
  reader: ReadableStreamDefaultReader<string>,
  pattern: RegExp,
): Promise<string> {
  let text = "";
  while (!pattern.test(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it ended without ${pattern}: ${text}`);
    text += value;
  }
  return text;
}

Deno.test(
  "deno task examples passes signals on, waits, and gives the exit code",
  {
    ignore: onWindows,
    timeout: 30_000,
  },
  async () => {
    const task = startTask(["echo_server", "--listen", "127.0.0.1:0"]);
    const errors = new Response(task.stderr).text();
    const reader = task.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(await until(reader, /:\d+\n/))!;
    using client = await connect({ port: Number(port) });
    await until(reader, /came/);
    task.kill("SIGINT");
    // It drains: it ends its side, and waits for the client to do the same.
    assertEquals(await client.read(), null);
    task.kill("SIGINT");
    const rest = await until(reader, /cut off/);
    assertMatch(rest, /1 cut off/);
    await reader.cancel();
    const { code, signal } = await task.status;
    assertEquals({ code, signal }, { code: 0, signal: null }, await errors);
  },
);

Deno.test("Ctrl-C in a terminal is heard once, and waited for", {
  ignore: onWindows || lacksPrograms("python3"),
  timeout: 40_000,
}, async () => {
  const { code, output } = await runInTerminal(
    taskArguments("echo_server", "--listen", "127.0.0.1:0"),
    { pressAt: ["listening on"], cwd: ROOT },
  );
  assertMatch(output, /drained: 0 finished, 0 cut off/);
  assertEquals(code, 0, output);
});

Deno.test(
  "an example reads and writes in the folder that the task was called from",
  {
    timeout: 30_000,
  },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/here.txt`, "here");
      const task = startTask(
        ["files/send", "here.txt", "--connect", "127.0.0.1:1"],
        folder,
      );
      const { stderr } = await task.output();
      // It found the file, as it got as far as to look for its server.
      assertStringIncludes(new TextDecoder().decode(stderr), "127.0.0.1:1");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("an example gets the permissions that stand before its name", {
  timeout: 30_000,
}, async () => {
  const arg = ["echo_client", "--connect", "127.0.0.1:1"];
  const denied = await startTask(["--deny-net", ...arg]).output();
  const text = new TextDecoder().decode(denied.stderr);
  assertStringIncludes(text, "--allow-net=127.0.0.1:1");
  const wrong = await startTask(["--inspect", ...arg]).output();
  assertEquals(wrong.code, 2);
  assertStringIncludes(
    new TextDecoder().decode(wrong.stderr),
    "must be a permission, got --inspect",
  );
});

Deno.test("a task that takes no arguments does nothing where it gets one", {
  timeout: 30_000,
}, async () => {
  const [refused, unknown] = await Promise.all([
    ["exports:update", "--help"],
    ["examples", "\x1b[31m"],
  ].map(async (args) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...taskArguments().slice(0, -1), ...args],
      env: { SLUICE_STD: "npm" },
    }).output();
    return { code, errors: new TextDecoder().decode(stderr) };
  }));
  assertEquals(refused, {
    code: 2,
    errors: "Cannot run the task: it must have no arguments, got --help\n",
  });
  assertEquals(unknown, {
    code: 2,
    errors: 'Cannot run "\\u001b[31m": it must be the name of an example ' +
      "(deno task examples lists them)\n",
  });
});
