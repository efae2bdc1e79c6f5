import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  denoCommand,
  measure,
  type MeasureOptions,
  splitConnections,
} from "../../bench/harness/measure.ts";
import {
  makeScenarios,
  PEERS,
  peersOf,
  type Scenario,
} from "../../bench/peers/catalogue.ts";
import {
  parsePeersOptions,
  type PeersOptions,
} from "../../bench/peers/options.ts";
import type { Results } from "../../bench/peers/results.ts";
import { makePlan } from "../../bench/peers/run.ts";
import type { Runtimes } from "../../bench/peers/runtimes.ts";
import { makeCheckouts } from "../../bench/compare/checkouts.ts";

const ROOT = new URL("../../", import.meta.url);
const scenarios = makeScenarios(parsePeersOptions([]) as PeersOptions);
const command = () => ({ program: "", args: [] });
const denoAlone: Pick<Runtimes, "found"> = {
  found: { deno: { version: "", command } },
};

const QUICK: MeasureOptions = {
  load: { kind: "echo", connections: 3, depth: 4, payloadBytes: 16 },
  generators: 2,
  warmupMs: 50,
  measureMs: 150,
};

/** Runs `use` with a server program made of `source`. */
async function withProgram(
  source: string,
  use: (file: URL) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    await use(new URL(`file://${file}`));
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("makePlan() leaves out servers whose runtime is missing", () => {
  const plans = makePlan(scenarios, denoAlone, []);
  assertEquals(plans.length, scenarios.length);
  for (const { peers, scenario } of plans) {
    const ours = scenario.id === "idle-minute" ? "sluice-idle" : "sluice";
    assertEquals(peers[0].id, ours);
    assert(peers.every(({ runtime }) => runtime === "deno"));
  }
});

Deno.test("makePlan() keeps what was asked for, and what ratios need", () => {
  const plans = makePlan(scenarios, denoAlone, ["echo-16", "bulk", "deno-raw"]);
  assertEquals(
    plans.map(({ scenario, peers }) => [
      scenario.id,
      ...peers.map(({ id }) => id),
    ]),
    [["echo-16", "sluice", "deno-raw"], ["bulk", "sluice", "deno-raw"]],
  );
  const everywhere = makePlan(scenarios, denoAlone, ["deno-raw"]);
  assertEquals(everywhere.length, scenarios.length);
});

Deno.test("makePlan() keeps Sluice where it takes part under another name", () => {
  const [plan] = makePlan(scenarios, denoAlone, ["idle-minute", "deno-idle"]);
  assertEquals(plan.peers.map(({ id }) => id), ["sluice-idle", "deno-idle"]);
});

Deno.test("idle-minute is a minute of silence, once, of those who say something about it", () => {
  const find = (all: Scenario[]) => all.find(({ id }) => id === "idle-minute")!;
  const { load, silenceMs, once, title } = find(scenarios);
  assertEquals([load.kind, silenceMs, once], ["hold", 60_000, true]);
  assertEquals(title, "5,000 connections after 60 s of silence");
  assertEquals(peersOf(find(scenarios)).map(({ id }) => id), [
    "sluice-idle",
    "deno-idle",
    "deno-node",
    "node",
    "bun",
    "go",
  ]);
  const quick = makeScenarios(parsePeersOptions(["--quick"]) as PeersOptions);
  assertEquals(find(quick).silenceMs, 1_000);
});

Deno.test("no scenario and no server share a name", () => {
  const names = [...scenarios, ...PEERS].map(({ id }) => id);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("splitConnections() loses none and makes no empty part", () => {
  assertEquals(splitConnections(5, 2).toSorted(), [2, 3]);
  assertEquals(splitConnections(1, 4), [1]);
  assertEquals(splitConnections(10_000, 3).reduce((a, b) => a + b), 10_000);
});

Deno.test("measure() counts checked echoes, and the server's CPU time", {
  timeout: 30_000,
}, async () => {
  const server = new URL("bench/servers/raw_echo.ts", ROOT);
  const outcome = await measure(denoCommand(server, ["0"]), QUICK);
  assertGreater(outcome.rate, 100);
  assertGreater(outcome.p99Ms!, outcome.p50Ms! * 0.99);
  if (Deno.build.os !== "windows") assertGreater(outcome.cpuMicros!, 0);
});

Deno.test(
  "measure() notices an echo that differs",
  { timeout: 30_000 },
  async () => {
    const source = `
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log("listening on " + listener.addr.port);
    console.error("not my best day");
    let seen = 0;
    for await (const conn of listener) (async () => {
      const buffer = new Uint8Array(1024);
      for (let count; (count = await conn.read(buffer)) !== null;) {
        if (++seen > 20) buffer[count - 1] ^= 1;
        await conn.write(buffer.subarray(0, count));
      }
    })();`;
    await withProgram(source, async (file) => {
      await assertRejects(
        () => measure(denoCommand(file, []), QUICK),
        Error,
        "the echo differs",
      );
    });
  },
);

Deno.test(
  "measure() notices a sink that loses bytes",
  { timeout: 30_000 },
  async () => {
    const source = `
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log("listening on " + listener.addr.port);
    for await (const conn of listener) (async () => {
      const buffer = new Uint8Array(65536);
      let total = 0;
      for (let count; (count = await conn.read(buffer)) !== null;) {
        total += count === 65536 ? count - 1 : count;
        if (buffer[count - 1] === 0) continue;
        const answer = new DataView(new ArrayBuffer(8));
        answer.setBigUint64(0, BigInt(total));
        await conn.write(new Uint8Array(answer.buffer));
      }
    })();`;
    const load = { ...QUICK.load, kind: "bulk" as const };
    await withProgram(source, async (file) => {
      await assertRejects(
        () => measure(denoCommand(file, []), { ...QUICK, load }),
        Error,
        "the server counts",
      );
    });
  },
);

/** Says how long each connection was silent before its second frame; then does `end`. */
const silenceWatcher = (end: string) => `
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log("listening on " + listener.addr.port);
  const held = [];
  for await (const conn of listener) (async () => {
    const buffer = new Uint8Array(64);
    await conn.write(buffer.subarray(0, await conn.read(buffer)));
    const start = performance.now();
    const count = await conn.read(buffer);
    console.error("silent for " + (performance.now() - start) + " ms");
    ${end}
    await conn.write(buffer.subarray(0, count));
    await conn.read(buffer);
  })();`;

Deno.test(
  "measure() keeps silent as long as it was told, and notices what was dropped",
  {
    timeout: 30_000,
  },
  async () => {
    await withProgram(silenceWatcher("return conn.close();"), async (file) => {
      const load = { ...QUICK.load, kind: "hold" as const, connections: 1 };
      // Longer than by default.
      const options = { ...QUICK, load, silenceMs: 2_500 };
      const { message } = await assertRejects(
        () => measure(denoCommand(file, []), options),
        Error,
        "the server closed",
      );
      assertGreater(Number(/silent for (\S+) ms/.exec(message)?.[1]), 2_490);
    });
  },
);

Deno.test(
  "measure() looks at the memory of silent connections, not of the next echo",
  {
    ignore: Deno.build.os === "windows",
    timeout: 30_000,
  },
  async () => {
    const grow = "held.push(new Uint8Array(64 * 1024 * 1024).fill(1));";
    await withProgram(silenceWatcher(grow), async (file) => {
      const load = { ...QUICK.load, kind: "hold" as const };
      const options = { ...QUICK, load, silenceMs: 100 };
      const { rate, residentKiB } = await measure(
        denoCommand(file, []),
        options,
      );
      assertEquals(rate, 1);
      assertGreater(residentKiB!, 0);
      assertGreater(32 * 1024, residentKiB!);
    });
  },
);

Deno.test(
  "measure() passes on a server's last words",
  { timeout: 30_000 },
  async () => {
    await withProgram(`throw new Error("no room today");`, async (file) => {
      await assertRejects(
        () => measure(denoCommand(file, []), QUICK),
        Error,
        "no room today",
      );
    });
  },
);

Deno.test("bench:peers leaves numbers, a report and charts behind", {
  timeout: 60_000,
}, async () => {
  const out = await Deno.makeTempDir();
  try {
    const map = new URL("tools/std/import_map.json", ROOT);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        `--import-map=${map.href}`,
        new URL("bench/peers/main.ts", ROOT).href,
        "--quick",
        "--seconds=0.1",
        "--connections=2",
        "--only=echo-1,bulk,idle,idle-minute,stalled,churn," +
        "sluice-batches,sluice-readable",
        `--out=${out}`,
      ],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const report = await Deno.readTextFile(`${out}/latest.md`);
    assertStringIncludes(decoder.decode(stdout), report);
    assertStringIncludes(report, "**Sluice, readInto**");
    assertStringIncludes(report, "**Sluice, idle limit armed**");
    const results: Results = JSON.parse(
      await Deno.readTextFile(`${out}/latest.json`),
    );
    for (const { rows, id } of results.scenarios) {
      assertStringIncludes(await Deno.readTextFile(`${out}/${id}.svg`), "<svg");
      for (const { rounds } of rows) assertGreater(rounds[0]!.rate, 0);
    }
    assertEquals(results.scenarios.length, 6);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test(
  "makeCheckouts() takes both folders and git's note of them away again",
  {
    timeout: 30_000,
  },
  async () => {
    const list = async () => {
      const { stdout } = await new Deno.Command("git", {
        args: ["worktree", "list"],
        cwd: ROOT,
      }).output();
      return new TextDecoder().decode(stdout);
    };
    let folder: URL;
    {
      using checkouts = await makeCheckouts(ROOT, "HEAD");
      const { base, work } = checkouts.roots;
      folder = new URL("../", base);
      assertStringIncludes(await list(), checkouts.commit.slice(0, 7));
      for (const root of [base, work]) {
        await Deno.stat(new URL("mod.ts", root));
        await Deno.stat(new URL("bench/servers/framed_echo.ts", root));
      }
      assertStringIncludes(
        await list(),
        decodeURIComponent(base.pathname).slice(0, -1),
      );
    }
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
    assert(!(await list()).includes(decodeURIComponent(folder.pathname)));
  },
);

Deno.test(
  "makeCheckouts() refuses what git does not know",
  { timeout: 10_000 },
  async () => {
    await assertRejects(
      () => makeCheckouts(ROOT, "no-such-revision"),
      RangeError,
      "current value is no-such-revision",
    );
  },
);
