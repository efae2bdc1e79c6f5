import { assertEquals, assertRejects } from "@std/assert";
import { supervise, WorkerError } from "@sluice/net/workers";
import { hostOf } from "../../lib/workers/_host.ts";
import { start } from "./_group.ts";

const MAIN = new URL("fixtures/threads_main.ts", import.meta.url).pathname;

Deno.test("threads do what processes do: restart, talk, reload, drain", {
  ignore: Deno.build.os === "windows",
  timeout: 90_000,
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--unstable-net",
        "--allow-net=127.0.0.1",
        "--allow-read",
        `--allow-write=${folder}`,
        MAIN,
        folder,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const errors = new TextDecoder().decode(stderr);
    assertEquals(code, 0, errors);
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
      version: ["first", "second"],
      args: ["an", "argument"],
      heard: "x",
      ends: [
        ["exited", 3],
        ["exited", 1],
        ["drained", 0],
        ["drained", 0],
        ["drained", 0],
        ["drained", 0],
      ],
      isCounted: true,
      restarts: 2,
      report: { aborted: 0, killed: 0 },
      failure: { failure: "exited", cause: "of the module" },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("threads say which flag they need for the port that they share", {
  ignore: "listenDatagram" in Deno,
  timeout: 30_000,
}, async () => {
  const error = await assertRejects(
    () => start("echo", { isolation: "thread", permissions: undefined }),
    WorkerError,
    "--unstable-net",
  );
  assertEquals((error.cause as Error).name, "PermissionError");
});

Deno.test("a worker that cannot even be started is one that has ended", {
  ignore: Deno.build.os === "windows",
}, async () => {
  // A thread takes files alone.
  await assertRejects(
    () =>
      supervise({
        module: "https://example.com/worker.ts",
        isolation: "thread",
        workers: 1,
        port: 0,
      }),
    WorkerError,
    "Cannot start worker 0: ",
  );
  // Also later, in place of another one.
  const error = new Error("no more of them");
  const host = hostOf(() => {
    throw error;
  });
  assertEquals(await host.exit, { exitCode: null, signal: null, error });
  assertEquals(await host.transport.read(new Uint8Array(1)), null);
  host.passSocket();
  host.kill();
  host.transport.close();
});
