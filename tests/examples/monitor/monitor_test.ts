import { assertEquals, assertRejects } from "@std/assert";
import type { Outcome } from "../../../examples/monitor/checks.ts";
import { parseConfig, type Target } from "../../../examples/monitor/config.ts";
import { History } from "../../../examples/monitor/history.ts";
import {
  type Alert,
  Monitor,
  WINDOW,
} from "../../../examples/monitor/monitor.ts";

const timeout = 10_000;
const GOOD: Outcome = { ok: true, value: 1, detail: "" };
const BAD: Outcome = { ok: false, value: null, detail: "refused" };

function targets(...names: string[]): Target[] {
  return parseConfig(JSON.stringify({
    targets: names.map((name, index) => ({
      name,
      address: `127.0.0.1:${index + 1}`,
      intervalMs: 100,
      failuresToDown: 2,
      successesToUp: 2,
    })),
  }));
}

const told = (alerts: Alert[]) =>
  alerts.map(({ name, health, detail }) => `${name} ${health} ${detail}`);

Deno.test("Monitor alerts once when a target goes down, and once when it is back", async () => {
  using history = new History();
  const alerts: Alert[] = [];
  const results = [GOOD, BAD, BAD, BAD, GOOD, BAD, GOOD, GOOD, GOOD];
  const left = results.values();
  const monitor = new Monitor(targets("web"), history, {
    check: () => Promise.resolve(left.next().value!),
    onAlert: (alert) => alerts.push(alert),
  });
  for (const { ok } of results) {
    assertEquals(await monitor.checkOnce(), ok);
  }
  assertEquals(told(alerts), ["web down refused", "web up "]);
  assertEquals(alerts[1].downMs, alerts[1].at - alerts[0].at);
  const [{ health, summary }] = monitor.statuses;
  assertEquals([health, summary.checks], ["up", 9]);
});

Deno.test("Monitor shows results that its history cannot keep", async () => {
  const history = new History();
  const losses: string[] = [];
  const monitor = new Monitor(targets("web"), history, {
    check: () => Promise.resolve(GOOD),
    onLoss: (why) => losses.push(why),
  });
  await monitor.checkOnce();
  history[Symbol.dispose]();
  for (let i = 0; i < 400; i++) await monitor.checkOnce();
  assertEquals(losses.length, 1);
  assertEquals(monitor.samples(0).length, WINDOW);
  const [{ health, summary }] = monitor.statuses;
  assertEquals([health, summary.checks], ["up", WINDOW]);
});

Deno.test("Monitor forgets no outage over a restart, and reports it once", async () => {
  using history = new History();
  const alerts: Alert[] = [];
  const start = (outcome: Outcome) =>
    new Monitor(targets("web"), history, {
      check: () => Promise.resolve(outcome),
      onAlert: (alert) => alerts.push(alert),
    });
  await start(BAD).checkOnce();
  await start(BAD).checkOnce();
  await start(BAD).checkOnce();
  assertEquals(told(alerts), ["web down refused"]);
  await start(GOOD).checkOnce();
  await start(GOOD).checkOnce();
  assertEquals(told(alerts), ["web down refused", "web up "]);
  assertEquals(typeof alerts[1].downMs, "number");
});

Deno.test("Monitor.checkOnce() checks all, though one hangs until its limit", async () => {
  using history = new History();
  const { promise: slow, resolve } = Promise.withResolvers<Outcome>();
  const checked: string[] = [];
  const monitor = new Monitor(targets("slow", "fast"), history, {
    check: ({ name }) => {
      checked.push(name);
      return name === "slow" ? slow : Promise.resolve(GOOD);
    },
    onSample: (index) => {
      if (index === 1) resolve(BAD);
    },
  });
  assertEquals(await monitor.checkOnce(), false);
  assertEquals(checked, ["slow", "fast"]);
  assertEquals(monitor.statuses.map(({ words }) => words), [
    "failing 1/2",
    "up",
  ]);
});

Deno.test(
  "Monitor.run() goes on checking, and a stuck target delays no other",
  {
    timeout,
  },
  async () => {
    using history = new History();
    const stopping = new AbortController();
    let stuck = 0;
    let fine = 0;
    const monitor = new Monitor(targets("stuck", "fine"), history, {
      check: ({ name }, signal) => {
        if (name === "fine") {
          if (++fine === 4) stopping.abort();
          return Promise.resolve(GOOD);
        }
        stuck++;
        return new Promise((_, reject) =>
          signal!.addEventListener("abort", () => reject(signal!.reason))
        );
      },
    });
    await monitor.run(stopping.signal);
    assertEquals([stuck, fine], [1, 4]);
  },
);

Deno.test("Monitor.run() ends with the error when a check itself is broken", {
  timeout,
}, async () => {
  using history = new History();
  let stopped = 0;
  const monitor = new Monitor(
    targets("stuck", "stuck too", "broken"),
    history,
    {
      check: async ({ name }, signal) => {
        if (name === "broken") throw new TypeError("a bug");
        await new Promise((resolve) =>
          signal!.addEventListener("abort", resolve)
        );
        stopped++;
        throw signal!.reason;
      },
    },
  );
  await assertRejects(
    () => monitor.run(new AbortController().signal),
    TypeError,
    "a bug",
  );
  assertEquals(stopped, 2);
});
