import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { serve, sleep, type Socket, TimeoutError } from "@sluice/net";
import { runCheck } from "../../../examples/monitor/checks.ts";
import { parseConfig } from "../../../examples/monitor/config.ts";
import { probe, serveProbe } from "../../../examples/monitor/probe.ts";
import { createAuthority } from "../../_support/certificates.ts";
import { freePort } from "../../_support/free_port.ts";
import { lacksPrograms } from "../../_support/programs.ts";
import { connectRudely } from "../../_support/rude_client.ts";
import { start } from "../../_support/run_program.ts";

const timeout = 20_000;
const authority = await createAuthority();

/** A target on a port of this machine, as the configuration would have it. */
function target(port: number, more: Record<string, unknown> = {}) {
  const address = `${
    more.check === "certificate" ? "tls://" : ""
  }127.0.0.1:${port}`;
  return parseConfig(JSON.stringify({ targets: [{ address, ...more }] }))[0];
}

/** A server that does with its clients whatever it likes. */
function misbehave(handler: (socket: Socket) => void | Promise<void>) {
  const server = serve(
    { port: 0, onError: () => {}, shutdownTimeoutMs: 0 },
    handler,
  );
  return { server, port: server.addr.port };
}

const silent = (socket: Socket) => socket.closed;
/** Listens to all that they say, and leaves when they do. */
const listenTo = async (socket: Socket) => {
  for await (const _ of socket);
};
const drip = async (socket: Socket) => {
  while (true) {
    await socket.write("+");
    // A timer that outlives its client would be found in whatever runs then.
    await sleep(20, { signal: socket.signal });
  }
};
const flood = async (socket: Socket) => {
  const junk = new Uint8Array(64 * 1024).fill(65);
  while (true) await socket.write(junk);
};

Deno.test(
  "a connect check measures the time to connect",
  { timeout },
  async () => {
    const { server, port } = misbehave(silent);
    await using _ = server;
    const { ok, value, detail } = await runCheck(target(port));
    assertEquals([ok, detail], [true, ""]);
    assert(value! > 0 && value! < 3_000, `${value} ms`);
  },
);

Deno.test(
  "every check says that nothing listens there",
  { timeout },
  async () => {
    for (
      const more of [
        { check: "connect" },
        { check: "expect", expect: "OK" },
        { check: "http" },
        { check: "throughput" },
        { check: "certificate" },
      ]
    ) {
      assertEquals(await runCheck(target(freePort(), more)), {
        ok: false,
        value: null,
        detail: "refused: nothing listens there",
      });
    }
  },
);

Deno.test(
  "an expect check finds the answer, wherever it is",
  { timeout },
  async () => {
    const { server, port } = misbehave(async (socket) => {
      const question = await socket.readLine();
      await socket.write(`welcome\r\nyou said ${question}\r\n`);
    });
    await using _ = server;
    const more = { check: "expect", send: "PING\n" };
    const good = await runCheck(target(port, { ...more, expect: "said PING" }));
    assertEquals([good.ok, good.detail], [true, ""]);
    assert(good.value! > 0);
    assertEquals(await runCheck(target(port, { ...more, expect: "PONG" })), {
      ok: false,
      value: null,
      detail: "ended after 24 bytes",
    });
  },
);

Deno.test(
  "every check survives targets with bad manners",
  { timeout },
  async (test) => {
    const targets = [
      { check: "expect", expect: "OK" },
      { check: "http" },
      { check: "throughput" },
      { check: "certificate" },
    ];
    const manners: [
      name: string,
      handler: (socket: Socket) => void | Promise<void>,
      timeoutMs: number,
      details: RegExp[],
    ][] = [
      ["silent", silent, 200, Array(4).fill(/^not within 200 ms$/)],
      ["drip", drip, 200, [
        /^not within 200 ms$/,
        /^not within 200 ms$/,
        /^not within 200 ms$/,
        /^not within 200 ms$|^TLS: /,
      ]],
      ["flood", flood, 5_000, [
        /^not within 65536 bytes$/,
        /^not within 1024 bytes$/,
        /^not within 64 bytes$/,
        /^TLS: /,
      ]],
      ["hangs up", () => {}, 5_000, [
        /^ended after 0 bytes$|^reset/,
        /^hung up$|^reset/,
        /^what answers there is no probe|^reset/,
        /^hung up before the handshake|^reset|^TLS: /,
      ]],
    ];
    for (const [name, handler, timeoutMs, details] of manners) {
      for (const [index, more] of targets.entries()) {
        await test.step(`${more.check}: ${name}`, async () => {
          const { server, port } = misbehave(handler);
          await using _ = server;
          const outcome = await runCheck(target(port, { ...more, timeoutMs }));
          assertEquals([outcome.ok, outcome.value], [false, null]);
          assertMatch(outcome.detail, details[index]);
        });
      }
    }
  },
);

Deno.test("every check survives a reset", { timeout }, async () => {
  // By node:net: no API of Deno's own can send a reset.
  const server = createServer((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  for (
    const more of [
      { check: "expect", expect: "OK" },
      { check: "throughput" },
      { check: "certificate" },
    ]
  ) {
    assertEquals(await runCheck(target(port, more)), {
      ok: false,
      value: null,
      detail: "reset the connection",
    });
  }
  server.close();
  await once(server, "close");
});

Deno.test("a cancelled check rejects with the reason of its signal", {
  timeout,
}, async () => {
  const { server, port } = misbehave(silent);
  await using _ = server;
  for (
    const more of [
      { check: "expect", expect: "OK" },
      { check: "throughput" },
      { check: "certificate" },
    ]
  ) {
    const stopping = new AbortController();
    const check = runCheck(target(port, more), stopping.signal);
    // Not to be taken for a limit of the check's own.
    stopping.abort(new TimeoutError("work", 1));
    await assertRejects(() => check, TimeoutError, "Cannot work");
  }
});

Deno.test("a certificate check hangs up when its time is over", {
  timeout,
}, async () => {
  const { promise: hungUp, resolve } = Promise.withResolvers<void>();
  const { server, port } = misbehave((socket) =>
    listenTo(socket).then(resolve)
  );
  await using _ = server;
  const more = { check: "certificate", timeoutMs: 100 };
  assertEquals((await runCheck(target(port, more))).ok, false);
  await hungUp;
});

Deno.test(
  "a certificate check knows how many days are left",
  { timeout },
  async (test) => {
    const cases: [
      name: string,
      certificate: Parameters<typeof authority.issue>[0],
      days: number,
      ok: boolean,
      detail: string,
    ][] = [
      ["good for long", { toDays: 90 }, 90, true, ""],
      ["expires soon", { toDays: 5 }, 5, false, "fewer than 14 days left"],
      [
        "expired",
        { fromDays: -9, toDays: -2.5 },
        -2.5,
        false,
        "expired 3 days ago",
      ],
      [
        "not valid yet",
        { fromDays: 1.5, toDays: 90 },
        90,
        false,
        "not valid for another 2 days",
      ],
      [
        "for another name",
        { names: ["elsewhere.test"], toDays: 90 },
        90,
        false,
        "certificate for another name",
      ],
    ];
    for (const [name, options, days, ok, detail] of cases) {
      await test.step(name, async () => {
        await using server = serve({
          port: 0,
          tls: await authority.issue(options),
          onError: () => {},
        }, listenTo);
        const { port } = server.addr;
        const outcome = await runCheck(
          target(port, { check: "certificate", caCerts: [authority.cert] }),
        );
        assertEquals([outcome.ok, outcome.detail], [ok, detail]);
        assert(Math.abs(outcome.value! - days) < 0.1, `${outcome.value} days`);
      });
    }
  },
);

Deno.test(
  "a certificate check does not trust everybody",
  { timeout },
  async () => {
    await using server = serve({
      port: 0,
      tls: await authority.issue({ toDays: 90 }),
      onError: () => {},
    }, listenTo);
    const { port } = server.addr;
    const { ok, detail } = await runCheck(
      target(port, { check: "certificate" }),
    );
    assertEquals([ok, detail], [
      false,
      "signed by an authority that is not trusted",
    ]);
  },
);

Deno.test(
  "a throughput check measures what the probe sends",
  { timeout },
  async () => {
    await using server = serveProbe({ hostname: "127.0.0.1", port: 0 });
    const { port } = server.addr;
    const more = { check: "throughput", bytes: 1_000_001 };
    const good = await runCheck(target(port, more));
    assertEquals([good.ok, good.detail], [true, ""]);
    assert(good.value! > 0);
    const slow = await runCheck(
      target(port, { ...more, minBytesPerSecond: 1e12 }),
    );
    assertEquals([slow.ok, slow.detail], [false, "slower than 1000000 MB/s"]);
  },
);

Deno.test("probe() notices a probe that ends early", { timeout }, async () => {
  const { server, port } = misbehave(async (socket) => {
    const line = await socket.readLine();
    await socket.write(`OK ${line!.slice(6)}\nfour`);
  });
  await using _ = server;
  const { detail } = await runCheck(target(port, { check: "throughput" }));
  assertEquals(detail, "ended after 4 bytes");
});

Deno.test("serveProbe() sends to nc what it asks for", {
  timeout,
  ignore: lacksPrograms("nc"),
}, async () => {
  await using server = serveProbe({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr;
  const ask = async (question: string) => {
    await using nc = start("nc", ["-N", "127.0.0.1", String(port)]);
    await nc.write(question);
    return (await nc.finish()).stdout;
  };
  assertEquals(await ask("PROBE 5\n"), "OK 5\n\0\0\0\0\0");
  assertEquals((await ask("PROBE 200000\n")).length, 200_010);
});

Deno.test("serveProbe() refuses what it does not understand, and goes on", {
  timeout,
}, async () => {
  await using server = serveProbe({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr;
  const refused = "ERROR ask: PROBE and 1 to 67108864\n";
  for (
    const question of ["PROBE 0\n", "PROBE 67108865\n", "PROBE -1\n", "GET /\n"]
  ) {
    using conn = await Deno.connect({ port });
    await conn.write(new TextEncoder().encode(question));
    assertEquals(await new Response(conn.readable).text(), refused);
  }
  for (let client = 0; client < 5; client++) {
    await (await connectRudely(port)).reset();
  }
  const rate = await probe({ port }, { bytes: 1_000, timeoutMs: 5_000 });
  assert(rate > 0);
});

Deno.test("an http check asks for a page, and looks at its status", {
  timeout,
}, async () => {
  const asked: string[] = [];
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, (request) => {
    const { pathname, host } = new URL(request.url);
    asked.push(`${request.method} ${host} ${pathname}`);
    return new Response("x".repeat(100_000), { status: 500 });
  });
  const { port } = server.addr;
  const more = { check: "http", status: 500 };
  const good = await runCheck(target(port, { ...more, path: "/a?b=c" }));
  assertEquals([good.ok, good.detail], [true, ""]);
  assert(good.value! > 0);
  const bad = await runCheck(target(port, { check: "http" }));
  assertEquals([bad.ok, bad.detail], [false, "answered 500, not 200"]);
  assertEquals(asked, [
    `GET 127.0.0.1:${port} /a`,
    `GET 127.0.0.1:${port} /`,
  ]);
});

Deno.test("an http check tells what is no HTTP, and a server that hangs up", {
  timeout,
}, async () => {
  for (
    const [answer, detail] of [
      ["SSH-2.0-OpenSSH\r\n", "its answer is no HTTP"],
      ["HTTP/1.1 2000 OK\r\n", "its answer is no HTTP"],
      ["", "hung up"],
      ["x".repeat(2_000), "not within 1024 bytes"],
    ]
  ) {
    const { server, port } = misbehave(async (socket) => {
      await socket.readUntil("\r\n\r\n");
      await socket.write(answer);
    });
    await using _ = server;
    const outcome = await runCheck(target(port, { check: "http" }));
    assertEquals(outcome, { ok: false, value: null, detail });
  }
});
