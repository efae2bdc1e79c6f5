import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import {
  denoCommand,
  measure,
  type MeasureOptions,
  splitConnections,
} from "../../bench/harness/measure.ts";
import { measureClient } from "../../bench/harness/measure_client.ts";
import { makeScenarios, PEERS } from "../../bench/peers/catalogue.ts";
import { peerMeasurer } from "../../bench/peers/measure_peer.ts";
import {
  parsePeersOptions,
  type PeersOptions,
} from "../../bench/peers/options.ts";
import { lacksPrograms } from "../_support/programs.ts";

const ROOT = new URL("../../", import.meta.url);

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

for (const server of ["fan_out.ts", "raw_fan_out.ts"]) {
  Deno.test(
    `measure() counts what ${server} delivers, also where some read nothing`,
    {
      timeout: 60_000,
    },
    async () => {
      const file = new URL(`bench/servers/${server}`, ROOT);
      for (const silent of [0, 2]) {
        const outcome = await measure(denoCommand(file, ["0"]), {
          ...QUICK,
          load: {
            kind: "fan-out",
            connections: 6,
            depth: 4,
            payloadBytes: 100,
            silent,
          },
        });
        assertGreater(outcome.rate, 100);
      }
    },
  );
}

Deno.test("measure() notices a fan-out that differs", {
  timeout: 30_000,
}, async () => {
  const source = `
    const conns = [];
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log("listening on " + listener.addr.port);
    for await (const conn of listener) (async () => {
      conns.push(conn);
      const buffer = new Uint8Array(1024);
      for (let count; (count = await conn.read(buffer)) !== null;) {
        const bytes = buffer.slice(0, count);
        for (const each of conns) {
          if (each === conns[1]) bytes[5] ^= 1;
          await each.write(bytes);
        }
      }
    })();`;
  await withProgram(source, async (file) => {
    const load = {
      kind: "fan-out",
      connections: 3,
      depth: 1,
      payloadBytes: 16,
    };
    await assertRejects(
      () =>
        measure(denoCommand(file, []), {
          ...QUICK,
          load: load as MeasureOptions["load"],
        }),
      Error,
      "what came differs",
    );
  });
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
  "peerMeasurer() keeps a scenario's silence, and gives a failure as a result",
  {
    timeout: 30_000,
  },
  async () => {
    await withProgram(silenceWatcher("return conn.close();"), async (file) => {
      const options = parsePeersOptions(["--quick"]) as PeersOptions;
      const runtime = { version: "", command: () => denoCommand(file, []) };
      const measurePeer = peerMeasurer({ found: { deno: runtime } }, options);
      const scenario = makeScenarios({ ...options, silenceMs: 2_500 })
        .find(({ id }) => id === "idle-minute")!;
      const outcome = await measurePeer(scenario, PEERS[0]);
      const silence = /silent for (\S+) ms/.exec((outcome as Error).message)
        ?.[1];
      assertGreater(Number(silence), 2_490);
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

Deno.test("peerMeasurer() measures a client of Redis, and its CPU time", {
  timeout: 30_000,
  ignore: lacksPrograms("redis-server"),
}, async () => {
  const options = parsePeersOptions(["--quick"]) as PeersOptions;
  const scenario = makeScenarios(options).find(({ id }) => id === "redis-get")!;
  const command = (file: string, args: readonly string[]) =>
    denoCommand(new URL(`bench/servers/${file}`, ROOT), args);
  const found = { deno: { version: "", command } };
  const measurePeer = peerMeasurer({ found }, options);
  const outcome = await measurePeer(scenario, PEERS[0]);
  if (outcome instanceof Error) throw outcome;
  assertGreater(outcome.rate, 100);
  assertGreater(outcome.cpuMicros!, 0);
});

Deno.test("measureClient() notices an answer that differs", {
  timeout: 30_000,
}, async () => {
  const callers = new URL("bench/clients/callers.js", ROOT);
  const source = `
    import { runCallers } from "${callers}";
    await runCallers(2, () => Promise.resolve("nonsense"));
  `;
  await withProgram(source, async (file) => {
    await assertRejects(
      () =>
        measureClient(denoCommand(file, []), { warmupMs: 20, measureMs: 20 }),
      Error,
      "wrong value: nonsense",
    );
  });
});
