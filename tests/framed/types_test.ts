/**
 * What the compiler knows of framings and of what is built on them: checked when the
 * tests are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { framed, json } from "@sluice/net";
import { heartbeat, Requests } from "@sluice/net/client";
import { memoryPair } from "@sluice/net/testing";

/** As a protocol has them: told apart by a literal. */
interface Ping {
  type: "ping" | "pong";
}

Deno.test("the ping of a heartbeat has the literals of its frames", async () => {
  const [left, right] = memoryPair();
  const first = framed(left, json<Ping>(), {
    heartbeat: {
      ping: () => ({ type: "ping" }),
      isPong: ({ type }) => type === "pong",
    },
  });
  {
    const second = framed(right, json<Ping>());
    using _beat = heartbeat(second, { ping: () => ({ type: "ping" }) });
  }
  const third = new Requests(framed(right, json<Ping>()), {
    match: "order",
    heartbeat: { ping: () => ({ type: "ping" }) },
  });
  const answer = third.request({ type: "ping" });
  assertEquals(await first.receive(), { type: "ping" });
  await first.send({ type: "pong" });
  assertEquals(await answer, { type: "pong" });
  // @ts-expect-error there is no such type
  const wrong = () => heartbeat(first, { ping: () => ({ type: "pin" }) });
  assertEquals(typeof wrong, "function");
  left.abort();
  right.abort();
});
