import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BrokenError, BusyError, ClosedError } from "../../lib/errors.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import type { HostProcess } from "../../lib/testing/host_process.ts";
import type { NetworkEvent } from "../../lib/testing/memory_network_options.ts";
import { simulate } from "../../lib/testing/simulate.ts";
import type {
  Scenario,
  SimulateOptions,
} from "../../lib/testing/simulate_options.ts";
import {
  SimulationError,
  type SimulationFailure,
} from "../../lib/testing/simulation_error.ts";
import { interval, sleep } from "../../lib/time/mod.ts";

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) await socket.write(chunk);
}

/** The error of a scenario that goes wrong under seed 1. */
async function failureOf(
  reason: SimulationFailure,
  scenario: Scenario,
  options: SimulateOptions = {},
): Promise<SimulationError> {
  const error = await assertRejects(
    () => simulate({ seeds: 1, ...options }, scenario),
    SimulationError,
  );
  assertEquals(error.reason, reason, error.message);
  return error;
}

Deno.test("simulate() runs a scenario under each seed, and says how much that was", async () => {
  const seeds: number[] = [];
  const report = await simulate({ seeds: 4 }, async (world) => {
    seeds.push(world.seed);
    await world.sleep(250);
  });
  // The first one twice, to see that it does the same.
  assertEquals(seeds, [1, 1, 2, 3, 4]);
  assertEquals([report.seeds, report.simulatedMs], [4, 1_000]);
  assert(report.steps >= 4);
  seeds.length = 0;
  await simulate({ seed: 17 }, ({ seed }) => void seeds.push(seed));
  await simulate({ seed: 5, seeds: 2 }, ({ seed }) => void seeds.push(seed));
  assertEquals(seeds, [17, 17, 5, 5, 6]);
  seeds.length = 0;
  await simulate({}, ({ seed }) => void seeds.push(seed));
  assertEquals(seeds.at(-1), 100);
});

Deno.test("simulate() moves time when nothing is left to run, and only then", async () => {
  const calls: [string, number][] = [];
  const note = (what: string) => void calls.push([what, performance.now()]);
  const before = performance.now();
  await simulate({ seed: 1 }, async () => {
    calls.length = 0;
    setTimeout(note, 3_600_000, "timeout");
    setImmediate(note, "immediate");
    const ticking = setInterval(note, 1_000_000, "interval");
    for (let i = 0; i < 1_000; i++) await null;
    note("microtasks");
    for await (const tick of interval(1_700_000)) {
      note(`tick ${tick}`);
      if (tick === 2) break;
    }
    await sleep(300_000);
    clearInterval(ticking);
    note("end");
  }).then(() => {}, (error) => assertInstanceOf(error, SimulationError));
  // The time limit of ten minutes ends it.
  assertEquals(calls, [["microtasks", 0], ["immediate", 0]]);
  await simulate({ seed: 1, timeLimitMs: Infinity }, async () => {
    calls.length = 0;
    setTimeout(note, 3_600_000, "timeout");
    setImmediate(note, "immediate");
    const ticking = setInterval(note, 1_000_000, "interval");
    for await (const tick of interval(1_700_000)) {
      note(`tick ${tick}`);
      if (tick === 2) break;
    }
    await sleep(300_000);
    clearInterval(ticking);
    note("end");
  });
  assertEquals(calls, [
    ["immediate", 0],
    ["interval", 1_000_000],
    ["tick 1", 1_700_000],
    ["interval", 2_000_000],
    ["interval", 3_000_000],
    ["tick 2", 3_400_000],
    ["timeout", 3_600_000],
    ["end", 3_700_000],
  ]);
  assert(performance.now() - before < 60_000, "in real time");
});

Deno.test("simulate() replaces all that tells the time", async () => {
  await simulate({ seed: 1 }, async (world) => {
    await world.sleep(1_500);
    const expected = Date.UTC(2000, 0, 1, 0, 0, 1, 500);
    assertEquals(world.clock.nowMs, 1_500);
    assertEquals(Date.now(), expected);
    assertEquals(new Date().getTime(), expected);
    assert(new Date() instanceof Date);
    assertEquals(new Date(0).getTime(), 0);
    assertEquals(new Date(Date()).getTime(), expected - 500);
    assertEquals(Temporal.Now.instant().epochMilliseconds, expected);
    assertEquals(
      Temporal.Now.zonedDateTimeISO("UTC").epochMilliseconds,
      expected,
    );
    assertEquals(
      Temporal.Now.plainDateTimeISO("UTC").toString(),
      "2000-01-01T00:00:01.5",
    );
    const signal = AbortSignal.timeout(250);
    await assertRejects(
      () => world.sleep(1_000, { signal }),
      DOMException,
      "timed out",
    );
    assertEquals(world.clock.nowMs, 1_750);
  });
});

/** What a scenario takes from chance, and what happens on its network. */
async function chance(seed: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  await simulate({ seed, hosts: { echo: serveEcho } }, async (world) => {
    seen.length = 0;
    seen.push(Math.random(), world.random(), crypto.randomUUID());
    seen.push([...crypto.getRandomValues(new Uint16Array(4))]);
    seen.push(world.integer(1, 1_000_000));
    await using socket = await world.host("a").connect({ name: "echo" });
    await socket.write(new Uint8Array(500));
    await socket.readExactly(500);
    seen.push(structuredClone(world.trace), world.pick([1, 2, 3, 4, 5, 6]));
    seen.push(world.clock.nowMs);
  });
  return seen;
}

function serveEcho(process: HostProcess): void {
  process.serve(echo);
}

Deno.test("simulate() draws all chance from the seed", async () => {
  const seen = await chance(3);
  assertEquals(await chance(3), seen);
  const other = await chance(4);
  // The last two are small numbers, which may be the same.
  for (const [i, value] of seen.slice(0, 6).entries()) {
    assertNotEquals(other[i], value, `${i}`);
  }
  const uuid = seen[2] as string;
  assert(
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/
      .test(uuid),
    uuid,
  );
  assert((seen[5] as NetworkEvent[]).length > 5);
});

Deno.test("simulate() draws for the scenario apart from the programs", async () => {
  const drawn: number[] = [];
  for (const times of [1, 20]) {
    await simulate({ seed: 9 }, (world) => {
      for (let i = 0; i < times; i++) Math.random();
      drawn.push(world.random());
    });
  }
  assertEquals(new Set(drawn).size, 1);
});

Deno.test("integer() and pick() keep to what they are given", async () => {
  await simulate({ seeds: 20 }, (world) => {
    const drawn = Array.from({ length: 100 }, () => world.integer(-1, 1));
    assertEquals([...new Set(drawn)].sort(), [-1, 0, 1]);
    assertEquals(world.pick(["one"]), "one");
    assertThrows(() => world.integer(2, 1), RangeError, "most must be");
    assertThrows(() => world.integer(0.5, 1), RangeError, "least must be");
    assertThrows(() => world.pick([]), RangeError, "pick a value");
  });
});

Deno.test("simulate() names the seed that fails, which fails the same way alone", async () => {
  const seeds: number[] = [];
  const scenario: Scenario = async (world) => {
    seeds.push(world.seed);
    const left = world.host("left");
    await using socket = await left.connect({ name: "echo" });
    await socket.write("hello\n");
    assertEquals(await socket.readLine(), "hello");
    if (world.integer(1, 10) === 7) throw new RangeError(`at ${Math.random()}`);
  };
  const run = (options: SimulateOptions) =>
    assertRejects(
      () => simulate({ ...options, hosts: { echo: serveEcho } }, scenario),
      SimulationError,
    );
  const error = await run({ seeds: 1_000 });
  const { seed } = error;
  assertEquals(error.reason, "failed");
  assertEquals(seeds, [
    1,
    ...Array.from({ length: seed }, (_, i) => i + 1),
    seed,
  ]);
  assertInstanceOf(error.cause, RangeError);
  assertEquals(
    error.message,
    `Cannot complete the simulation with seed ${seed}: it failed with RangeError: ` +
      `${error.cause.message} (after ${error.atMs} ms), run it alone with { seed: ${seed} }`,
  );
  assert(error.trace.some(({ type }) => type === "arrived"));
  const again = await run({ seed });
  assertEquals(again.message, error.message);
  assertEquals(JSON.stringify(again.trace), JSON.stringify(error.trace));
});

Deno.test("simulate() says so when a seed does not give the same run again", async () => {
  let runs = 0;
  const drifting = await failureOf("not-deterministic", async (world) => {
    await world.sleep(++runs);
  });
  assertEquals(runs, 3);
  assert(
    drifting.message.includes("took"),
    drifting.message,
  );
  runs = 0;
  const sometimes = await failureOf("not-deterministic", () => {
    if (++runs === 1) throw new Error("only once");
  });
  assertEquals((sometimes.cause as Error).message, "only once");
  runs = 0;
  const other = await failureOf("not-deterministic", async (world) => {
    world.host("echo").serve(echo);
    const socket = await world.host("a").connect({ name: "echo" });
    await socket.write(new Uint8Array(++runs));
    await socket.readExactly(runs);
    await socket.close();
  }, { network: { split: false } });
  assert(
    /event 1 was \{.*"bytes":2\}, then \{.*"bytes":3\}/.test(other.message),
    other.message,
  );
});

Deno.test("simulate() lets the first run of all differ, which may load modules", async () => {
  let loaded = false;
  await simulate({ seeds: 2 }, async (world) => {
    if (!loaded) await world.sleep(5);
    loaded = true;
  });
});

Deno.test("simulate() ends a scenario that nothing can wake", async () => {
  const error = await failureOf("deadlock", async (world) => {
    await world.sleep(30);
    world.spawn(() => new Promise(() => {}));
    await new Promise(() => {});
  });
  assertEquals(error.atMs, 30);
  assert(error.message.includes("2 of its tasks wait"), error.message);
});

Deno.test("simulate() ends a scenario at its time limit", async () => {
  const error = await failureOf(
    "time-limit",
    async (world) => {
      for (;;) await world.sleep(999);
    },
    { timeLimitMs: 10_000 },
  );
  assertEquals(error.atMs, 10_000);
  assert(error.message.includes("within 10000 ms"), error.message);
  await simulate({ seed: 1, timeLimitMs: 10 }, ({ sleep }) => sleep(10));
});

Deno.test("simulate() ends a scenario that does not let time move", async () => {
  const spin = () => void setImmediate(spin);
  const error = await failureOf("stuck", async (world) => {
    await world.sleep(3);
    spin();
    await world.sleep(1);
  });
  assertEquals(error.atMs, 3);
});

Deno.test("simulate() fails with what its timers, tasks, programs and handlers throw", async () => {
  const bug = new Error("a bug");
  const fail = () => {
    throw bug;
  };
  const wait: Scenario = (world) => world.sleep(1_000);
  const cases: [Scenario, SimulateOptions?][] = [
    [fail],
    [() => Promise.reject(bug)],
    [(world) => {
      setTimeout(fail, 5);
      return wait(world);
    }],
    [(world) => {
      setImmediate(fail);
      return wait(world);
    }],
    [(world) => {
      Promise.reject(bug);
      return wait(world);
    }],
    [(world) => {
      reportError(bug);
      return wait(world);
    }],
    [(world) => {
      world.spawn(fail).catch(() => {});
      return wait(world);
    }],
    [(world) => {
      world.host("a").spawn(fail).catch(() => {});
      return wait(world);
    }],
    [wait, { hosts: { broken: fail } }],
    [wait, {
      hosts: {
        async broken(process) {
          await process.sleep(10);
          throw bug;
        },
      },
    }],
    [async (world) => {
      world.host("a").serve(fail);
      await using socket = await world.host("b").connect({ name: "a" });
      await socket.read();
      await wait(world);
    }],
  ];
  for (const [i, [scenario, options]] of cases.entries()) {
    const error = await failureOf("failed", scenario, options);
    assertStrictEquals(error.cause, bug, `${i}`);
  }
  const odd = await failureOf("failed", () => Promise.reject("a word"));
  assert(odd.message.includes('failed with "a word"'), odd.message);
  const opaque = [
    new Proxy({}, {
      getPrototypeOf() {
        throw new Error("not to be looked at");
      },
    }),
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("not to be looked at");
      },
    }),
    Object.assign(new Error(), { message: 5 }),
  ];
  for (const thrown of opaque) {
    const { cause } = await failureOf("failed", () => {
      throw thrown;
    });
    assert(cause === thrown);
  }
});

Deno.test("simulate() names what a scenario leaves behind", async () => {
  const cases: [Scenario, string][] = [
    [
      () => void setTimeout(() => {}, 30_000),
      "it left a timer of 30000 ms that was set at 0 ms",
    ],
    [
      (world) => {
        setInterval(() => {}, 1_000);
        return world.sleep(10);
      },
      "it left an interval of 1000 ms that was set at 0 ms",
    ],
    [async (world) => {
      world.host("echo").serve(echo);
      await world.host("a").connect({ name: "echo" });
    }, "it left a socket from a to echo"],
    [
      () => {
        for (let i = 0; i < 9; i++) setTimeout(() => {}, 60_000);
      },
      "and 4 more",
    ],
  ];
  for (const [scenario, text] of cases) {
    const error = await failureOf("leak", scenario);
    assert(error.message.includes(text), error.message);
    await simulate({ seed: 1, checkLeaks: false }, scenario);
  }
  const left = await failureOf("leak", cases[0][0]);
  assert((left.cause as Error).stack?.includes("simulate_test.ts"), "where");
});

Deno.test("simulate() takes for no leak what ends soon, holds no process or is a program's", async () => {
  await simulate({
    seed: 1,
    hosts: {
      server: serveEcho,
      never: (process) => process.serve(() => new Promise(() => {})),
      async ticker(process, world) {
        const socket = await process.connect({ name: "server" });
        setInterval(() => {}, 1_000);
        for (;;) {
          await socket.write("tick");
          await world.sleep(10_000);
        }
      },
    },
  }, async (world) => {
    setTimeout(() => {}, 1_000);
    Deno.unrefTimer(setTimeout(() => {}, 1_000_000));
    clearTimeout(setTimeout(() => {}, 1_000_000));
    const socket = await world.host("a").connect({ name: "server" });
    // The server of that host is still busy with it when the simulation ends.
    const other = await world.host("a").connect({ name: "never" });
    other.abort();
    await world.sleep(20_000);
    await socket.close();
  });
});

Deno.test("simulate() refuses real I/O, and says what was tried", async () => {
  const open = () => new URL("https://example.com/");
  const tries: Record<string, () => unknown> = {
    "Deno.connect": () => Deno.connect({ port: 1 }),
    "Deno.connectTls": () => Deno.connectTls({ port: 1 }),
    "Deno.listen": () => Deno.listen({ port: 0 }),
    "Deno.serve": () => Deno.serve(() => new Response()),
    "Deno.resolveDns": () => Deno.resolveDns("localhost", "A"),
    "Deno.readTextFile": () => Deno.readTextFile("deno.json"),
    "Deno.readTextFileSync": () => Deno.readTextFileSync("deno.json"),
    "Deno.open": () => Deno.open("deno.json"),
    "Deno.stdin.read": () => Deno.stdin.read(new Uint8Array(1)),
    "Deno.Command": () => new Deno.Command("true"),
    "fetch": () => fetch(open()),
    "WebSocket": () => new WebSocket(open()),
    "EventSource": () => new EventSource(open()),
    "Worker": () => new Worker(open()),
    "MessageChannel": () => new MessageChannel(),
    "BroadcastChannel": () => new BroadcastChannel("a"),
  };
  await simulate({ seed: 1 }, () => {
    for (const [name, attempt] of Object.entries(tries)) {
      assertThrows(
        attempt,
        TypeError,
        `Cannot use ${name} in a simulation`,
      );
    }
  });
});

/** Everything of these objects, as it is. */
function globalsNow(): unknown[] {
  const objects = [
    globalThis,
    Deno,
    Math,
    Date,
    performance,
    crypto,
    crypto.subtle,
    AbortSignal,
    Temporal.Now,
  ];
  return objects.flatMap((object) =>
    Reflect.ownKeys(object).map((
      key,
    ) => [key, Object.getOwnPropertyDescriptor(object, key)])
  );
}

Deno.test("simulate() and fakeClock() give all globals back, however they end", async () => {
  const before = globalsNow();
  const scenarios: Scenario[] = [
    () => {},
    (world) => world.sleep(10),
    () => {
      throw new Error("at once");
    },
    () => new Promise(() => {}),
    (world) => world.sleep(1e9),
    () => void setInterval(() => {}, 10),
  ];
  for (const scenario of scenarios) {
    await simulate({ seed: 1 }, scenario).catch(() => {});
    assertEquals(globalsNow(), before);
  }
  // The network cannot be made.
  await assertRejects(
    () => simulate({ network: { latencyMs: -1 } }, () => {}),
    RangeError,
    "latencyMs",
  );
  assertEquals(globalsNow(), before);
  {
    using clock = fakeClock();
    await clock.advance(5);
    assertNotEquals(globalsNow(), before);
  }
  assertEquals(globalsNow(), before);
});

Deno.test("simulate() refuses to run beside another simulation or a fake clock", async () => {
  const first = simulate({ seed: 1 }, async (world) => {
    assertThrows(fakeClock, TypeError, "another one is in place");
    await assertRejects(() => simulate({}, () => {}), BusyError);
    await world.sleep(5);
  });
  const error = await assertRejects(
    () => simulate({ seed: 1 }, () => {}),
    BusyError,
  );
  assertEquals(
    error.message,
    "Cannot simulate: another simulation is under way",
  );
  await first;
  {
    using _clock = fakeClock();
    await assertRejects(
      () => simulate({}, () => {}),
      BusyError,
      "a fake clock is in place",
    );
  }
  await simulate({ seed: 1 }, () => {});
});

Deno.test("simulate() ends when its signal aborts", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  let seeds = 0;
  await assertRejects(
    () =>
      simulate({ signal: controller.signal }, async (world) => {
        if (++seeds === 3) controller.abort(reason);
        await world.sleep(10);
      }),
    Error,
    "enough",
  );
  assertEquals(seeds, 3);
  await assertRejects(
    () => simulate({ signal: controller.signal }, () => seeds++),
    Error,
    "enough",
  );
  assertEquals(seeds, 3);
});

Deno.test("simulate() refuses options of the wrong kind, out of range or unknown", async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ sedes: 5 }, TypeError, 'unknown option "sedes", did you mean seeds?'],
    [{ seeds: 0 }, RangeError, "seeds must be an integer of at least 1"],
    [{ seeds: "5" }, TypeError, 'seeds must be a number, got "5"'],
    [{ seed: -1 }, RangeError, "seed must be an integer of at least 0"],
    [{ timeLimitMs: 0 }, RangeError, "timeLimitMs must be above 0"],
    [{ hosts: [""] }, TypeError, "the name of a host"],
    [{ hosts: ["a", "a"] }, TypeError, "hosts must be different names"],
    [{ hosts: { a: 5 } }, TypeError, "the program of host a must be"],
    [{ hosts: 5 }, TypeError, "hosts must be an object, got 5"],
    [{ network: 5 }, TypeError, "network must be an object, got 5"],
    [{ network: { seed: 5 } }, TypeError, 'unknown option "seed" of network'],
    [{ network: { latency: 5 } }, TypeError, "did you mean latencyMs?"],
    [{ network: () => null }, TypeError, "network must be an object, got null"],
    [
      { network: () => Promise.reject(new Error("nothing else may see it")) },
      TypeError,
      "network must be a function that returns options at once, got a Promise",
    ],
    [{ checkLeaks: 1 }, TypeError, "checkLeaks must be a boolean, got 1"],
    [{ signal: 1 }, TypeError, "signal must be an AbortSignal, got 1"],
  ];
  for (const [options, kind, text] of wrong) {
    await assertRejects(
      () => simulate(options as SimulateOptions, () => {}),
      kind,
      text,
    );
  }
  await assertRejects(
    () => simulate({}, 5 as never),
    TypeError,
    "scenario must be a function, got 5",
  );
});

Deno.test("simulate() draws a network for each seed where it is told how", async () => {
  const latencies: number[] = [];
  await simulate({
    seeds: 5,
    network: (random) => {
      const latencyMs = Math.floor(random() * 1_000);
      latencies.push(latencyMs);
      return { latencyMs };
    },
  }, async (world) => {
    world.host("echo").serve(echo);
    await using _ = await world.host("a").connect({ name: "echo" });
    assertEquals(world.clock.nowMs, 2 * latencies.at(-1)!);
  });
  assertEquals(new Set(latencies).size, 5);
});

Deno.test("the process of a host that crashed has no network, also after the restart", async () => {
  await simulate({ seed: 1, hosts: { other: serveEcho } }, async (world) => {
    const host = world.host("a");
    const first = host.process;
    const listener = host.listen();
    const socket = await host.connect({ name: "other" });
    await assertRejects(
      () => host.sleep(1_000, { timeoutMS: 1 } as object),
      TypeError,
      'Cannot sleep: unknown option "timeoutMS"',
    );
    const ends = [
      assertRejects(() => socket.read(), BrokenError),
      assertRejects(() => host.connect({ name: "other" }), BrokenError),
      assertRejects(() => host.sleep(1_000), ClosedError),
    ];
    host.crash();
    host.crash();
    assertEquals([host.up, first.alive, first.signal.aborted], [
      false,
      false,
      true,
    ]);
    assertEquals(await listener.accept(), null);
    await assertRejects(() => host.connect({ name: "other" }), BrokenError);
    host.restart();
    await Promise.all(ends);
    assertNotEquals(host.process, first);
    await using again = await host.connect({ name: "other" });
    await again.write("x");
    assertEquals((await again.readExactly(1)).length, 1);
    const calls = [
      () => first.connect({ name: "other" }),
      async () => await first.listen(),
      async () => await first.serve(echo),
      () => first.dialer.dial({ hostname: "other", port: 1 }, {}),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, BrokenError);
      assertEquals(error.reason, "unreachable");
      assert(error.message.endsWith("the process of host a has ended"));
    }
  });
});

Deno.test("a host starts its program before the scenario, in order, and after each restart", async () => {
  const started: string[] = [];
  const program = (process: HostProcess) => void started.push(process.name);
  await simulate({
    seed: 1,
    hosts: { b: program, a: program },
  }, async (world) => {
    assertEquals(started.splice(0), ["b", "a"]);
    assertEquals(world.hosts.map(({ name }) => name), ["b", "a"]);
    world.host("a").restart();
    await world.sleep(1);
    world.host("a").crash();
    world.host("a").restart();
    assertEquals(started.splice(0), ["a", "a"]);
    assertEquals(
      world.trace.map(({ type }) => type),
      ["crashed", "restarted", "crashed", "restarted"],
    );
  });
  await simulate({ seed: 1, hosts: ["x", "y"] }, (world) => {
    assertEquals(world.hosts.map(({ name }) => name), ["x", "y"]);
    assertStrictEquals(world.host("z"), world.host("z"));
    assertThrows(() => world.host(""), TypeError, "Cannot find a host");
  });
});

Deno.test("run() gives a host a program, which runs again after each restart", async () => {
  await simulate({ seed: 1, hosts: { a: () => {} } }, async (world) => {
    const host = world.host("a");
    const started: HostProcess[] = [];
    host.run((process) => started.push(process));
    assertEquals(started, [host.process]);
    host.crash();
    host.run((process) => started.push(process));
    assertEquals(started.length, 1);
    host.restart();
    assertEquals(started[1], host.process);
    await world.sleep(1);
    assertThrows(
      () => host.run(5 as never),
      TypeError,
      "program must be a function, got 5",
    );
  });
});

Deno.test("what a process fails with once its host has crashed does not matter", async () => {
  await simulate({
    seed: 1,
    hosts: {
      async a(process) {
        await process.sleep(1_000);
      },
    },
  }, async (world) => {
    world.host("a").spawn(() => world.host("a").sleep(5)).catch(() => {});
    world.host("a").crash();
    await world.sleep(2_000);
  });
});

Deno.test("simulate() hands the work of other threads over in order, in no time", async () => {
  await simulate({ seeds: 5 }, async (world) => {
    const order: string[] = [];
    const digest = async (name: string, bytes: number) => {
      await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
      order.push(name);
    };
    setTimeout(() => order.push("timer"), 1);
    await Promise.all([digest("large", 1_000_000), digest("small", 1)]);
    assertEquals([order.join(), world.clock.nowMs], ["large,small", 0]);
    await assertRejects(() =>
      crypto.subtle.digest("no such", new Uint8Array())
    );
    await world.sleep(2);
    assertEquals(order.pop(), "timer");
  });
});

Deno.test("simulate() runs what the platform does in memory, in no time", async () => {
  await simulate({ seeds: 3 }, async (world) => {
    const text = "a".repeat(50_000);
    const ticking = world.sleep(1);
    const stream = new Blob([text]).stream()
      .pipeThrough(new CompressionStream("gzip"))
      .pipeThrough(new DecompressionStream("gzip"));
    assertEquals(await new Response(stream).text(), text);
    assertEquals(structuredClone(new Date(5)), new Date(5));
    // What is printed takes no time, either.
    assertEquals(await Deno.stdout.write(new Uint8Array()), 0);
    assertEquals(world.clock.nowMs, 0);
    await ticking;
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("aborted")), 100);
    const { signal } = controller;
    await assertRejects(() => world.sleep(1_000, { signal }), Error, "aborted");
    assertEquals(world.clock.nowMs, 101);
  });
});

Deno.test("hosts of a simulation refuse TLS", async () => {
  await simulate({ seed: 1 }, async (world) => {
    const tls = { cert: "", key: "" };
    assertThrows(
      () => world.host("a").serve({ tls } as never, echo),
      TypeError,
      "Cannot serve: tls must be absent in a simulation",
    );
    await assertRejects(
      () => world.host("b").connect({ name: "a", tls: true } as never),
      TypeError,
      "Cannot connect: tls must be absent in a simulation",
    );
  });
});

Deno.test("clearImmediate() in a simulation forgets what was set", async () => {
  await simulate({ seed: 1 }, async () => {
    let called = false;
    const immediate = setImmediate(() => called = true);
    clearImmediate(immediate);
    await new Promise((resolve) => void setImmediate(resolve));
    assertEquals(called, false);
  });
});
