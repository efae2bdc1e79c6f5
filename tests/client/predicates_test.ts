/**
 * Functions of a user that answer a question: one that is asynchronous, or that forgets to
 * return, ends in one typed error, and never in the wrong decision or the end of the process.
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { framed, lines } from "@sluice/net";
import { Pool, reconnect, Requests } from "@sluice/net/client";
import { retry } from "@sluice/net/timeout";
import { memoryPair } from "@sluice/net/testing";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { outcome, turn } from "../_support/sockets.ts";
import { IDS, requestsPair } from "./_requests.ts";

/** What no predicate may say: the promises of asynchronous ones, and what is not yes or no. */
const WRONG: readonly (() => unknown)[] = [
  () => Promise.reject(new Error("nothing else may see it")),
  () => Promise.resolve(true),
  () => undefined,
  () => 1,
];

/** Turned into whatever type the place asks for. */
const wrong = (answer: () => unknown) => answer as () => never;

Deno.test("Requests ends where a predicate says neither yes nor no", async () => {
  for (const answer of WRONG) {
    const pushes = requestsPair({
      isUnsolicited: wrong(answer),
      onUnsolicited: () => {},
    });
    const pushed = outcome(pushes.requests.request("a"));
    await pushes.server.send("A");
    const error = await pushed;
    assertInstanceOf(error, Error);
    assertInstanceOf(error.cause, TypeError);
    assert(error.cause.message.includes("isUnsolicited must be a function"));
    pushes[Symbol.dispose]();

    const parts = requestsPair();
    const stream = parts.requests.stream("a", { isLast: wrong(answer) });
    const first = outcome(stream.next());
    await parts.server.send("A");
    const ended = await first;
    assertInstanceOf(ended, Error);
    assertInstanceOf(ended.cause, TypeError);
    assert(ended.cause.message.includes("isLast must be a function"));
    parts[Symbol.dispose]();
  }
});

Deno.test("Requests refuses an id that no answer can have", async () => {
  const ids = [
    () => Promise.reject(new Error("nothing else may see it")),
    () => new Uint8Array([7]),
  ];
  for (const id of ids) {
    const asks = requestsPair({
      match: { ...IDS.match as object, request: id } as never,
    });
    const error = await outcome(asks.requests.request("7 a"));
    assertInstanceOf(error, TypeError);
    assert(error.message.startsWith("Cannot request: match.request must be"));
    assertEquals(asks.requests.stats.inFlight, 0);
    asks[Symbol.dispose]();

    const answers = requestsPair({
      match: { ...IDS.match as object, response: id } as never,
    });
    const asked = outcome(answers.requests.request("7 a"));
    await answers.server.send("7 b");
    const ended = await asked;
    assertInstanceOf(ended, Error);
    assertInstanceOf(ended.cause, TypeError);
    assert(ended.cause.message.includes("match.response must be"));
    answers[Symbol.dispose]();
  }
});

Deno.test("a heartbeat takes no promise for a frame or for an answer", async () => {
  using hooks = new FailedHooks();
  const [client, peer] = memoryPair();
  const connection = framed(client, lines(), {
    heartbeat: {
      ping: wrong(() => Promise.reject(new Error("nothing else may see it"))),
      isPong: wrong(() => Promise.reject(new Error("nothing else may see it"))),
      intervalMs: 1,
    },
  });
  const received = outcome(connection.receive({ timeoutMs: 30_000 }));
  while (hooks.errors.length === 0) await turn();
  assertInstanceOf(hooks.errors[0], TypeError);
  assert(`${hooks.errors[0]}`.includes("heartbeat.ping must be a function"));
  await peer.write("a\n");
  const error = await received;
  assertInstanceOf(error, TypeError);
  assert(error.message.includes("heartbeat.isPong must be a function"));
  client.abort();
  peer.abort();
});

Deno.test("Pool.use() discards, and throws what its task threw, where keepOnError says neither yes nor no", async () => {
  for (const answer of WRONG) {
    using hooks = new FailedHooks();
    await using pool = new Pool({
      open: () => ({}),
      keepOnError: wrong(answer),
    });
    const lost = new Error("lost");
    assertEquals(await outcome(pool.use(() => Promise.reject(lost))), lost);
    await turn();
    assertEquals(pool.stats.idle, 0);
    assertInstanceOf(hooks.errors[0], TypeError);
  }
});

Deno.test("retry() and reconnect() end with a TypeError where retryIf says neither yes nor no", async () => {
  const failure = new Error("down");
  for (const answer of [undefined, null, 0, "", 1, Promise.resolve("yes")]) {
    const retryIf = wrong(() => answer);
    let attempts = 0;
    const task = () => {
      attempts++;
      throw failure;
    };
    const error = await outcome(retry(task, { retryIf, minDelayMs: 0 }));
    assertInstanceOf(error, TypeError);
    assertEquals([error.cause, attempts], [failure, 1]);

    await using link = reconnect(
      { open: task, retry: { retryIf, minDelayMs: 0 } },
      () => {},
    );
    const ended = await link.ended;
    assertEquals(ended.endedBy, "error");
    const reason = (ended as { error: unknown }).error;
    assertInstanceOf(reason, TypeError);
    assertEquals([reason.cause, attempts], [failure, 2]);
  }
});

Deno.test("Requests.stream() refuses a name that it does not know", () => {
  const [client] = memoryPair();
  using requests = new Requests(framed(client, lines()), { match: "order" });
  const options = { isLast: () => true, maxunread: 5 };
  const error = outcomeOf(() => requests.stream("a", options));
  assertInstanceOf(error, TypeError);
  assert(error.message.includes("did you mean maxUnread?"));
});

function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
