import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseConfig } from "../../../examples/monitor/config.ts";
import { EventStream } from "../../../examples/monitor/event_stream.ts";
import { History } from "../../../examples/monitor/history.ts";
import { type Alert, Monitor } from "../../../examples/monitor/monitor.ts";
import { servePage } from "../../../examples/monitor/web.ts";

const timeout = 10_000;

/** A page about one target, whose checks are made by hand. */
function openPage() {
  const history = new History();
  const targets = parseConfig(
    '{ "targets": [{ "name": "web", "address": "127.0.0.1:1", "failuresToDown": 1 }] }',
  );
  const page = servePage(
    { hostname: "127.0.0.1", port: 0 },
    new Monitor(targets, history),
  );
  const monitor = new Monitor(targets, history, {
    check: () => Promise.resolve({ ok: false, value: null, detail: "<b>" }),
    onSample: (index, sample) => page.sample(index, sample),
    onAlert: (alert) => page.alert(alert),
  });
  return {
    monitor,
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
      "405 only GET is answered\n",
    );
  },
);

Deno.test("servePage() answers no page whose name was made to point here", {
  timeout,
}, async () => {
  await using page = openPage();
  const { port } = new URL(page.url);
  for (
    const [host, status] of [
      ["evil.test", 403],
      ["127.0.0.1.evil.test", 403],
      ["localhost", 200],
    ] as const
  ) {
    using conn = await Deno.connect({ port: Number(port) });
    await conn.write(new TextEncoder().encode(
      `GET /state.json HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`,
    ));
    const answer = await new Response(conn.readable).text();
    assert(answer.startsWith(`HTTP/1.1 ${status} `), answer.slice(0, 20));
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

Deno.test("EventStream turns away more pages than it has places", () => {
  using events = new EventStream();
  const streams = Array.from(
    { length: 33 },
    () => events.subscribe("snapshot", {}),
  );
  assertEquals(streams.map((each) => each !== undefined).lastIndexOf(true), 31);
  assertEquals(events.size, 32);
});

Deno.test("EventStream lets a page go that does not keep up", async () => {
  using events = new EventStream();
  const slow = events.subscribe("snapshot", {})!;
  for (let index = 0; index < 1_000; index++) events.send("sample", index);
  assertEquals(events.size, 0);
  const read = async () => {
    for await (const _ of slow);
  };
  assertMatch(await read().catch((error) => error.message), /does not keep up/);
});

Deno.test("EventStream forgets a page that is closed", async () => {
  using events = new EventStream();
  const stream = events.subscribe("snapshot", {})!;
  await stream.cancel();
  assertEquals(events.size, 0);
  events.send("sample", {});
});
