import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "@sluice/net";
import {
  type SuperviseOptions,
  WorkerError,
  type WorkerGroup,
} from "@sluice/net/workers";
import { ask, type Events, start } from "./_group.ts";

const options = { ignore: Deno.build.os === "windows", timeout: 90_000 };

/** Sends a line that ends its worker, and waits for the end of the connection. */
async function provoke(group: WorkerGroup, line: string): Promise<void> {
  using socket = await connect({ port: group.addr.port });
  await socket.write(`${line}\n`);
  // A reset where the worker was killed with something left to read.
  await socket.read().catch(() => null);
}

/** Provokes an end, and checks that the group goes on with a new worker at its place. */
async function survive(
  { group, events }: { group: WorkerGroup; events: Events },
  line: string,
): Promise<{ reason: string; exitCode: number | null; signal: string | null }> {
  const ends = events.of("worker-ended").length;
  const starts = events.of("worker-ready").length;
  const load = underLoad(group);
  await provoke(group, line);
  const { index, id, reason, exitCode, signal } = await events.until(
    "worker-ended",
    ends + 1,
  );
  const restarted = await events.until("worker-ready", starts + 1);
  assertEquals(restarted.index, index);
  assertEquals(restarted.id > id, true);
  assertEquals(await ask(group, "hello"), "hello");
  await load.stop();
  return { reason, exitCode, signal };
}

/** Clients that ask all the time, whatever becomes of them. */
function underLoad(group: WorkerGroup): { stop(): Promise<void> } {
  let stopped = false;
  const clients = Array.from({ length: 4 }, async () => {
    while (!stopped) await ask(group, "load").catch(() => {});
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(clients);
    },
  };
}

Deno.test(
  "a group survives workers that throw, exit, hang or are killed",
  options,
  async () => {
    const started = await start("trouble", {
      restart: { minDelayMs: 1, maxDelayMs: 10, maxRestarts: 100 },
      healthMs: 2_000,
    });
    const { group, events } = started;
    await using _end = group;
    const thrown = await survive(started, "throw");
    assertEquals(thrown, { reason: "exited", exitCode: 1, signal: null });
    const exited = await survive(started, "exit");
    assertEquals(exited, { reason: "exited", exitCode: 7, signal: null });
    const hung = await survive(started, "hang");
    assertEquals(hung, { reason: "hung", exitCode: null, signal: "SIGKILL" });
    const [{ pid }] = group.workers;
    const ends = events.of("worker-ended").length;
    Deno.kill(pid!, "SIGKILL");
    const killed = await events.until("worker-ended", ends + 1);
    assertEquals([killed.reason, killed.signal], ["exited", "SIGKILL"]);
    await events.until("worker-ready", 6);

    const { restarts, workers } = await group.stats();
    assertEquals(restarts, 4);
    assertEquals(workers.map(({ index }) => index), [0, 1]);
    assertEquals(events.of("gave-up"), []);
  },
);

Deno.test(
  "a group survives a worker that runs out of memory",
  options,
  async () => {
    const started = await start("trouble", {
      denoFlags: ["--v8-flags=--max-old-space-size=48"],
      restart: { minDelayMs: 1 },
      healthMs: 60_000,
    });
    await using _end = started.group;
    const { reason, exitCode } = await survive(started, "eat");
    assertEquals({ reason, exitCode }, { reason: "exited", exitCode: null });
  },
);

Deno.test(
  "workers that die too often end the group, and closed says so",
  options,
  async () => {
    const { group, events } = await start("trouble", {
      args: ["crash again"],
      restart: { minDelayMs: 1, maxDelayMs: 2, maxRestarts: 3 },
    });
    const closed = assertRejects(() => group.closed, WorkerError);
    await provoke(group, "exit");
    const error = await closed;
    assertEquals(error.failure, "too-many-restarts");
    assertEquals((error.cause as Error).message, "it cannot start");
    assertEquals(events.of("restart").map(({ restarts }) => restarts), [
      1,
      2,
      3,
    ]);
    assertEquals(events.of("gave-up").length, 1);
    const ends = events.of("worker-ended").map(({ reason }) => reason);
    assertEquals(ends, ["exited", "failed", "failed", "failed", "drained"]);
    assertEquals(group.workers, []);
    // What was asked for has happened already.
    await group.shutdown();
  },
);

Deno.test(
  "with maxRestarts: 0 the first death ends the group",
  options,
  async () => {
    const { group, events } = await start("trouble", {
      restart: { maxRestarts: 0 },
    });
    const closed = assertRejects(() => group.closed, WorkerError);
    await provoke(group, "exit");
    const error = await closed;
    assertEquals(error.failure, "too-many-restarts");
    assert(!("cause" in error), "none is shown");
    assertEquals(events.of("restart"), []);
  },
);

Deno.test(
  "a worker that cannot start is not tried again",
  options,
  async () => {
    const failing: [
      SuperviseOptions["args"],
      WorkerError["failure"],
      string,
    ][] = [
      [["crash at start"], "failed", "it threw it cannot start"],
      [["crash at once"], "exited", "it ended with exit code 1 before"],
      [["never"], "start-timeout", "it did not accept within 1500 ms"],
    ];
    await Promise.all(failing.map(async ([args, failure, text]) => {
      // The others take as long as the machine does.
      const startTimeoutMs = failure === "start-timeout" ? 1_500 : 30_000;
      const error = await assertRejects(
        () => start("trouble", { args, startTimeoutMs }),
        WorkerError,
        text,
      );
      assertEquals(error.failure, failure);
    }));
  },
);

Deno.test(
  "a module that is not there, or no worker's, is an error of supervise",
  options,
  async () => {
    const names = ["no_such_module", "no_worker"];
    await Promise.all(names.map(async (name) => {
      const error = await assertRejects(() => start(name), WorkerError);
      assertEquals(error.failure, "exited");
    }));
  },
);
