import { assertEquals, assertMatch } from "@std/assert";
import type { Alert } from "../../../examples/monitor/monitor.ts";
import { Webhook } from "../../../examples/monitor/webhook.ts";

const timeout = 30_000;

function alert(name: string): Alert {
  const at = Date.UTC(2026, 0, 2);
  const address = "127.0.0.1:1";
  return { at, name, address, health: "down", detail: "refused" } as Alert;
}

/** A server of webhooks; `answer` is asked with how many requests came before. */
function webhooks(answer: (before: number) => Response | Promise<Response>) {
  const bodies: { text: string; name: string }[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, async (request) => {
    bodies.push(await request.json());
    return await answer(bodies.length - 1);
  });
  const url = new URL(`http://127.0.0.1:${server.addr.port}/secret`);
  return { bodies, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("Webhook sends alerts in order, and again where that failed", {
  timeout,
}, async () => {
  await using there = webhooks((before) =>
    new Response(null, { status: before === 0 ? 503 : 204 })
  );
  const losses: string[] = [];
  {
    await using webhook = new Webhook(there.url, (why) => losses.push(why));
    webhook.tell(alert("one"));
    webhook.tell(alert("two"));
  }
  assertEquals(there.bodies.map(({ name }) => name), ["one", "one", "two"]);
  assertEquals(
    there.bodies[0].text,
    "2026-01-02 00:00:00Z DOWN one (127.0.0.1:1): refused",
  );
  assertEquals(losses, []);
});

Deno.test("Webhook says why an alert was lost, and goes on", {
  timeout,
}, async () => {
  await using there = webhooks((before) =>
    before < 3
      ? new Response(null, { status: 302, headers: { location: "/" } })
      : new Response()
  );
  const losses: string[] = [];
  {
    await using webhook = new Webhook(there.url, (why) => losses.push(why));
    webhook.tell(alert("one"));
    webhook.tell(alert("two"));
  }
  assertEquals(losses, ["it answered 302"]);
  assertEquals(there.bodies.length, 4);
});

Deno.test(
  "Webhook lets 100 alerts wait, and no more",
  { timeout },
  async () => {
    const gate = Promise.withResolvers<void>();
    await using there = webhooks(async () => {
      await gate.promise;
      return new Response();
    });
    const losses: string[] = [];
    {
      await using webhook = new Webhook(there.url, (why) => losses.push(why));
      for (let i = 0; i <= 102; i++) webhook.tell(alert(String(i)));
      gate.resolve();
    }
    assertEquals(losses, Array(2).fill("too many alerts wait"));
    // The first is on its way; of those that wait the oldest were left out.
    assertMatch(there.bodies.map(({ name }) => name).join(), /^0,3,4,.*,102$/);
  },
);
