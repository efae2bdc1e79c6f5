import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { connect } from "@sluice/net";
import { fakeClock } from "@sluice/net/testing";
import { supervise, WorkerError } from "@sluice/net/workers";
import { lacksPrograms } from "../_support/programs.ts";
import { runInTerminal } from "../_support/terminal.ts";

const onWindows = Deno.build.os === "windows";
const MAIN = new URL("fixtures/main.ts", import.meta.url).pathname;

/** What a supervisor of processes needs, and no more. */
function mainArguments(module: string, mode = ""): string[] {
  return [
    "run",
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
    "--allow-env",
    MAIN,
    module,
    mode,
  ];
}

Deno.test(
  "workers whose supervisor is killed drain, end, and leave nothing behind, also where a drain has no limit",
  { ignore: onWindows, timeout: 60_000 },
  async () => {
    await Promise.all(["", "unlimited"].map(async (mode) => {
      const main = new Deno.Command(Deno.execPath(), {
        args: mainArguments("patient.ts", mode),
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const errors = new Response(main.stderr).text();
      const output = main.stdout.pipeThrough(new TextDecoderStream())
        .getReader();
      let text = "";
      while (!/up \d+\n/.test(text)) text += (await output.read()).value ?? "";
      const [, port] = /up (\d+)/.exec(text)!;
      await using client = await connect({ port: Number(port) });
      await client.write("wait\n");
      assertEquals(await client.readLine(), "waiting");
      main.kill("SIGKILL");
      assertEquals((await main.status).signal, "SIGKILL");
      // Its worker lets the handler finish.
      assertEquals(await client.readLine(), "goodbye");
      assertEquals(await client.readLine(), null);
      // Workers have inherited these: they end with the last of them.
      while (!(await output.read()).done);
      assertEquals(await errors, "");
    }));
  },
);

/** Runs the supervisor in a terminal, where Ctrl-C reaches the workers, too. */
function mainInTerminal(
  pressAt: string[],
  ...args: Parameters<typeof mainArguments>
): Promise<{ code: number; output: string }> {
  const env = { NO_COLOR: "1" };
  return runInTerminal(mainArguments(...args), { pressAt, env });
}

Deno.test("Ctrl-C in a terminal drains the group, and a second one cuts", {
  ignore: onWindows || lacksPrograms("python3"),
  timeout: 90_000,
}, async () => {
  const [once, twice] = await Promise.all([
    mainInTerminal(["up "], "patient.ts"),
    mainInTerminal(["up ", "draining"], "patient.ts", "stuck"),
  ]);
  assertStringIncludes(once.output, "the client got goodbye");
  assertMatch(
    once.output,
    /"completed":1,"aborted":0,"handshakes":0,"killed":0/,
  );
  assertEquals(once.code, 0, once.output);
  assertStringIncludes(twice.output, "draining");
  assertMatch(
    twice.output,
    /"completed":0,"aborted":1,"handshakes":0,"killed":0/,
  );
  assertEquals(twice.code, 0, twice.output);
});

Deno.test(
  "Ctrl-C ends a group gracefully at every moment of the start of its workers",
  {
    ignore: onWindows,
    timeout: 60_000,
  },
  async () => {
    const { code, signal, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: [
          "run",
          "--allow-net=127.0.0.1",
          // `Deno.kill` takes all of it.
          "--allow-run",
          "--allow-env",
          "--unstable-net",
          new URL("fixtures/interrupted.ts", import.meta.url).pathname,
        ],
        env: { NO_COLOR: "1" },
      },
    ).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals(text(stderr), "");
    assertEquals(text(stdout).trim().split("\n"), [
      "before the first worker: 0 workers, 0 aborted",
      "while a module loads: 0 workers, 0 aborted",
      "after the workers have died of it: 0 workers, 0 aborted",
      "between two workers: 0 workers, 0 aborted",
      "twice: 0 workers, 0 aborted",
      "in the pause before a restart: 0 workers, 0 aborted",
      "after a restarted worker has died of it: 0 workers, 0 aborted",
      "ClosedError: Cannot start a worker: the group is shutting down",
      "during a reload: 0 workers, 0 aborted",
    ]);
    assertEquals([code, signal], [0, null]);
  },
);

Deno.test(
  "a worker that dies of a signal of its own does not make its supervisor wait for Ctrl-C",
  {
    ignore: onWindows,
    timeout: 60_000,
  },
  async () => {
    const holdsProcess = setInterval(() => {}, 60_000);
    using clock = new DisposableStack();
    clock.defer(() => clearInterval(holdsProcess));
    // No limit passes on a clock that stands still.
    clock.use(fakeClock());
    const error = await assertRejects(
      () =>
        supervise({
          module: new URL("fixtures/echo.ts", import.meta.url),
          workers: 1,
          port: 0,
          drainOnSignals: true,
          onEvent: (event) => {
            if (event.type !== "worker-started") return;
            Deno.kill(event.pid!, "SIGTERM");
          },
        }),
      WorkerError,
      "before it accepted",
    );
    assertEquals(error.failure, "exited");
  },
);

Deno.test(
  "supervise() that its signal ends while workers start rejects with its reason",
  {
    timeout: 60_000,
  },
  async () => {
    const controller = new AbortController();
    const reason = new Error("not any more");
    const pids: number[] = [];
    const error = await supervise({
      module: new URL("fixtures/echo.ts", import.meta.url),
      workers: 2,
      port: 0,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "worker-started") controller.abort(reason);
        if (event.type === "worker-ended") pids.push(event.id);
      },
    }).catch((error) => error);
    assertStrictEquals(error, reason);
    assertEquals(pids.length, 1);
  },
);
