import { assert, assertEquals, assertMatch } from "@std/assert";
import { memoryPair } from "@sluice/net/testing";
import { parseConfig } from "../../../examples/monitor/config.ts";
import { EventStream } from "../../../examples/monitor/event_stream.ts";
import { History } from "../../../examples/monitor/history.ts";
import { type Alert, Monitor } from "../../../examples/monitor/monitor.ts";
import { servePage } from "../../../examples/monitor/web.ts";

const timeout = 10_000;

/** A page about one target, whose checks are made by hand. */
function openPage(hostname = "127.0.0.1") {
  const history = new History();
  const targets = parseConfig(
    '{ "targets": [{ "name": "web", "address": "127.0.0.1:1", "failuresToDown": 1 }] }',
  );
  let made = 0;
  const monitor = new Monitor(targets, history, {
    check: () => Promise.resolve({ ok: false, value: null, detail: "<b>" }),
    onSample: (index, sample) => page.sample(index, sample),
    onAlert: (alert) => page.alert(alert),
  });
  const page = servePage({ hostname, port: 0 }, {
    status: (index) => monitor.status(index),
    samples: (index) => monitor.samples(index),
    get statuses() {
      made++;
      return monitor.statuses;
    },
  });
  return {
    monitor,
    /** How often all that is known was looked at. */
    made: () => made,
    url: `http://127.0.0.1:${page.addr.port}`,
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]();
      history[Symbol.dispose]();
    },
  };
}

/** Reads events as a browser would, in their simplest form. */
async function* readEvents(response: Response) {
  let text = "";
  const chunks = response.body!.pipeThrough(new TextDecoderStream());
  for await (const chunk of chunks) {
    text += chunk;
    const events = text.split("\n\n");
    text = events.pop()!;
    for (const event of events) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event)!;
      yield { name, data: JSON.parse(data) };
    }
  }
}

Deno.test(
  "servePage() serves the page and all that belongs to it",
  { timeout },
  async () => {
    await using page = openPage();
    const html = await (await fetch(page.url)).text();
    const parts = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)];
    assertEquals(parts.length, 4);
    for (const [, path] of parts) {
      const response = await fetch(page.url + path);
      assertEquals(response.status, 200, path);
      assertMatch(
        response.headers.get("content-type")!,
        /^text\/(css|javascript)/,
      );
      assert((await response.text()).length > 500, path);
    }
  },
);

Deno.test("servePage() lets nothing run in the page but its own scripts", {
  timeout,
}, async () => {
  await using page = openPage();
  const response = await fetch(page.url);
  await response.body!.cancel();
  const policy = response.headers.get("content-security-policy")!;
  assertMatch(policy, /default-src 'none'; script-src 'self';/);
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
});

Deno.test(
  "servePage() refuses what it does not know",
  { timeout },
  async () => {
    await using page = openPage();
    const ask = async (path: string, init?: RequestInit) => {
      const response = await fetch(page.url + path, init);
      return `${response.status} ${await response.text()}`;
    };
    assertEquals(await ask("/nothing"), "404 there is no such page\n");
    assertEquals(await ask("/__proto__"), "404 there is no such page\n");
    assertEquals(await ask("/../web.ts"), "404 there is no such page\n");
    assertEquals(
      await ask("/", { method: "POST", body: "x" }),
      "405 only GET and HEAD are answered\n",
    );
  },
);

Deno.test("servePage() answers no page whose name was made to point here", {
  timeout,
}, async () => {
  for (
    const [listens, host, status] of [
      ["127.0.0.1", "evil.test", 403],
      ["127.0.0.1", "127.0.0.1.evil.test", 403],
      ["127.0.0.1", "localhost.evil.test", 403],
      ["127.0.0.1", "192.168.1.9", 403],
      ["127.0.0.1", "localhost", 200],
      // Where it is for other machines, too: an address cannot be made to point elsewhere.
      ["0.0.0.0", "evil.test", 403],
      ["0.0.0.0", "192.168.1.9.evil.test", 403],
      ["0.0.0.0", "192.168.1.9", 200],
      ["0.0.0.0", "[fd00::1]", 200],
      ["0.0.0.0", "localhost", 200],
      // Its own name, as it was given.
      ["localhost", "localhost", 200],
    ] as const
  ) {
    await using page = openPage(listens);
    const { port } = new URL(page.url);
    using conn = await Deno.connect({ port: Number(port) });
    await conn.write(new TextEncoder().encode(
      `GET /state.json HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`,
    ));
    const answer = await new Response(conn.readable).text();
    const expected = `HTTP/1.1 ${status} `;
    assert(answer.startsWith(expected), `${listens} ${host}: ${answer}`);
  }
});

Deno.test(
  "servePage() sends a snapshot, then what happens",
  { timeout },
  async () => {
    await using page = openPage();
    await page.monitor.checkOnce();
    const response = await fetch(`${page.url}/events`);
    const events = readEvents(response);
    const { value: first } = await events.next();
    assertEquals(first!.name, "snapshot");
    assertEquals(first!.data.targets[0].samples.length, 1);
    assertMatch(first!.data.alerts[0], /DOWN web \(127\.0\.0\.1:1\): <b>$/);
    await page.monitor.checkOnce();
    const { value: second } = await events.next();
    assertEquals(second!.name, "sample");
    assertEquals(second!.data.state.checks, 2);
    assertEquals(second!.data.point.slice(1), [null, false]);
    await events.return();
  },
);

Deno.test("servePage() gives the same as JSON", { timeout }, async () => {
  await using page = openPage();
  await page.monitor.checkOnce();
  const { targets } = await (await fetch(`${page.url}/state.json`)).json();
  assertEquals(targets[0].availability, "0.0 %");
  assertEquals(targets[0].samples.length, 1);
});

Deno.test("servePage() keeps the last fifty alerts", { timeout }, async () => {
  const history = new History();
  using _ = history;
  await using page = servePage(
    { hostname: "127.0.0.1", port: 0 },
    new Monitor([], history),
  );
  const alert: Alert = {
    ...{ at: 0, name: "", address: "", health: "up", detail: "" },
    downMs: undefined,
  };
  for (let index = 0; index < 60; index++) {
    page.alert({ ...alert, name: `number ${index}` });
  }
  const url = `http://127.0.0.1:${page.addr.port}/state.json`;
  const { alerts } = await (await fetch(url)).json();
  assertEquals(alerts.length, 50);
  assertMatch(alerts[0], /number 59/);
});

/** Sends a request as it is, and gives all that comes back. */
async function ask(url: string, request: string): Promise<string> {
  using conn = await Deno.connect({ port: Number(new URL(url).port) });
  await conn.write(new TextEncoder().encode(request));
  return await new Response(conn.readable).text();
}

Deno.test(
  "servePage() refuses what is no request, and whose host cannot be one",
  {
    timeout,
  },
  async (test) => {
    await using page = openPage();
    const rest = "Connection: close\r\n\r\n";
    for (
      const request of [
        ...["[bad", "", "a b", "::1", "127.0.0.1:999999", "x\x01y", "a@b", "/"]
          .map((host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n${rest}`),
        `GET / HTTP/1.1\r\n${rest}`,
        `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n${rest}`,
        `GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n${rest}`,
        `GET // x HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`,
        `GET http://[ HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`,
        `GET / HTTP/9\r\nHost: 127.0.0.1\r\n${rest}`,
        `\x00\x01\x02\r\n\r\n`,
      ]
    ) {
      await test.step(JSON.stringify(request), async () => {
        assertMatch(await ask(page.url, request), /^HTTP\/1\.1 400 /);
      });
    }
    assertMatch(
      await ask(page.url, `GET /${"x".repeat(20_000)}`),
      /^HTTP\/1\.1 431 /,
    );
  },
);

Deno.test("servePage() answers HEAD with the head of its GET", {
  timeout,
}, async () => {
  await using page = openPage();
  for (const path of ["/", "/page.js", "/state.json", "/events"]) {
    const head = await fetch(page.url + path, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    if (path === "/events") continue;
    const get = await fetch(page.url + path);
    const { length } = await get.bytes();
    assertEquals(head.headers.get("content-length"), String(length), path);
  }
});

Deno.test("servePage() gives other sites' pages nothing but a link to it", {
  timeout,
}, async () => {
  await using page = openPage();
  const { host } = new URL(page.url);
  const status = async (path: string, headers: Record<string, string>) => {
    const lines = Object.entries(headers).map(([name, value]) =>
      `${name}: ${value}\r\n`
    );
    const answer = await ask(
      page.url,
      `HEAD ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.join("")}\r\n`,
    );
    return answer.slice(9, 12);
  };
  for (const site of ["cross-site", "same-site"]) {
    for (const path of ["/events", "/state.json", "/page.js", "/"]) {
      const asked = await status(path, { "sec-fetch-site": site });
      assertEquals(asked, "403", `${site} ${path}`);
    }
    const frame = { "sec-fetch-site": site, "sec-fetch-dest": "iframe" };
    assertEquals(await status("/", frame), "403");
    const link = { "sec-fetch-site": site, "sec-fetch-dest": "document" };
    assertEquals(await status("/", link), "200");
  }
  for (const origin of ["http://evil.test", "null", "http://127.0.0.1:1"]) {
    assertEquals(await status("/events", { origin }), "403", origin);
  }
  assertEquals(await status("/events", { origin: `http://${host}` }), "200");
  assertEquals(
    await status("/events", { "sec-fetch-site": "same-origin" }),
    "200",
  );
});

Deno.test("servePage() makes a snapshot once for all who ask at once", {
  timeout,
}, async () => {
  await using page = openPage();
  await (await fetch(`${page.url}/state.json`)).body?.cancel();
  const before = page.made();
  await Promise.all(Array.from({ length: 20 }, async () => {
    await (await fetch(`${page.url}/state.json`)).body?.cancel();
  }));
  assert(page.made() - before < 10, `${page.made() - before} snapshots`);
});

Deno.test("EventStream turns away more pages than it has places, and of one address", () => {
  using events = new EventStream();
  using pairs = new DisposableStack();
  const open = (address: string) =>
    Array.from({ length: 20 }, () => {
      const [socket, page] = memoryPair();
      pairs.use(socket);
      pairs.use(page);
      return events.add(socket, address, "first");
    }).filter((each) => each !== undefined).length;
  assertEquals([open("a"), open("b"), open("c")], [16, 16, 0]);
  assertEquals(events.size, 32);
});

Deno.test("EventStream lets a page go that does not keep up, and no other", async () => {
  using events = new EventStream();
  const [socket, slow] = memoryPair();
  const [other, quick] = memoryPair();
  const listener = events.add(socket, "a", "first")!;
  events.add(other, "a", "first");
  let read = 0;
  const reading = (async () => {
    while (read < 1_001 && await quick.readUntil("\n\n")) read++;
  })();
  // More than fits into what is on its way.
  const large = "x".repeat(10_000);
  for (let index = 0; index < 1_000; index++) {
    events.send("sample", large);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await listener.gone;
  await reading;
  assertEquals([events.size, read], [1, 1_001]);
  for (const each of [slow, quick, other]) each.abort();
});

Deno.test("EventStream forgets a page that is closed, or says anything", async () => {
  using events = new EventStream();
  for (const end of ["close", "talk"] as const) {
    const [socket, page] = memoryPair();
    const { gone } = events.add(socket, "a", "first")!;
    assertEquals(events.size, 1);
    if (end === "close") page.abort();
    else await page.write("hello\n\n");
    await gone;
    assertEquals(events.size, 0);
    events.send("sample", {});
    socket.abort();
    page.abort();
  }
});

Deno.test(
  "servePage() forgets a page that has gone, before it has news for it",
  {
    timeout,
  },
  async () => {
    await using page = openPage();
    // More than there are places for, one after the other.
    for (let i = 0; i < 40; i++) {
      const response = await fetch(`${page.url}/events`);
      assertEquals(response.status, 200, `page ${i}`);
      const events = readEvents(response);
      await events.next();
      await events.return();
      // The server sees it when it reads, not when this end closes.
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
);
