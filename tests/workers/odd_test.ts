import { assertEquals, assertRejects } from "@std/assert";
import { WorkerError, type WorkerGroup } from "@sluice/net/workers";
import { Channel } from "../../lib/workers/_channel.ts";
import { ask, type Events, start } from "./_group.ts";

const options = { ignore: Deno.build.os === "windows", timeout: 60_000 };

function startOdd(
  what: string,
): Promise<{ group: WorkerGroup; events: Events }> {
  return start("odd", {
    workers: 1,
    args: [what],
    permissions: ["--allow-net=127.0.0.1", "--allow-read"],
    startTimeoutMs: 30_000,
  });
}

Deno.test(
  "what a worker's start gives or throws is told, whatever it is",
  options,
  async () => {
    const cases: [what: string, text: string][] = [
      ["no server", "its server must be an object with shutdown(), got an"],
      ["throws what throws", "it threw an Error"],
      ["throws no object", "it threw an object"],
      [
        "makes another",
        "it threw Cannot make a worker: this process is one already (call worker() once)",
      ],
      [
        "supervises",
        "it threw Cannot supervise: this program is a worker itself",
      ],
    ];
    await Promise.all(cases.map(async ([what, text]) => {
      const error = await assertRejects(
        () => startOdd(what),
        WorkerError,
        text,
      );
      assertEquals(error.failure, "failed");
    }));
  },
);

Deno.test(
  "counters, reports, events and messages that are odd end no worker",
  options,
  async () => {
    const cases = [
      "stats",
      "report",
      "shutdown throws",
      "events",
      "publishes",
      "threads",
    ];
    await Promise.all(cases.map(async (what) => {
      const { group, events } = await startOdd(what);
      await using _end = group;
      assertEquals(await ask(group, ""), "hello", what);
      const { accepted, active, workers } = await group.stats();
      if (what === "stats") assertEquals([accepted, active], [7, 0]);
      if (what === "events") assertEquals(workers[0].eventsDropped, 1);
      const { killed, aborted } = await group.shutdown();
      assertEquals([killed, aborted], [0, 0], what);
      const ends = events.of("worker-ended").map(({ reason }) => reason);
      assertEquals(ends, ["drained"], what);
    }));
  },
);

Deno.test(
  "an IPv6 address may be in brackets, as URL.hostname has it",
  options,
  async () => {
    const { group } = await start("echo", {
      workers: 1,
      hostname: "[::1]",
      permissions: ["--allow-net"],
      shutdownTimeoutMs: Infinity,
    });
    await using _end = group;
    assertEquals(group.addr.hostname, "::1");
  },
);

Deno.test("a subscriber that subscribes again is called once a message, and once a gap", () => {
  const channel = new Channel({ publish: () => Promise.resolve(), tell() {} });
  let calls = 0;
  const again = () => {
    if (++calls > 100) return;
    subscription.close();
    subscription = channel.subscribe("topic", again, { onGap: again });
  };
  // Another one, which keeps the topic.
  channel.subscribe("topic", () => {});
  let subscription = channel.subscribe("topic", again, { onGap: again });
  channel.onMessage("topic", new Uint8Array(1));
  assertEquals(calls, 1);
  channel.onGap("topic", 1);
  assertEquals(calls, 2);
});
