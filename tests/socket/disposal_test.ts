import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BrokenError, ClosedError } from "../../lib/errors.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import {
  outcome,
  spiedPair,
  SpyTransport,
  testOverMemoryAndTcp,
  textOf,
  turn,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "await using ends gracefully",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const peer = (async () => {
      const answer = await new Response(right.readable).text();
      await right.close();
      return answer;
    })();
    {
      await using socket = left;
      socket.write("all of it");
    }
    assertEquals(await peer, "all of it");
    await assertRejects(() => left.read(), ClosedError);
  },
);

testOverMemoryAndTcp("using ends at once", async (makePair) => {
  using pair = await makePair();
  const { left } = pair;
  {
    using socket = left;
    socket.write("dropped");
  }
  assert(left.signal.aborted);
  assertEquals(await pair.right.read(), null);
});

Deno.test("disposing twice, either way, is fine", async () => {
  const [near, far] = memoryTransportPair();
  const spy = new SpyTransport(near);
  const socket = new Socket(spy);
  await far.closeWrite();
  await socket[Symbol.asyncDispose]();
  await socket[Symbol.asyncDispose]();
  socket[Symbol.dispose]();
  assertEquals([spy.closed, spy.closedWrite], [1, 1]);
  far.close();
});

Deno.test("await using throws for data that was lost, unless a call has thrown for it", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  await assertRejects(async () => {
    await using socket = left;
    await socket.write("accepted, and lost");
  }, BrokenError);

  using other = spiedPair();
  other.spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  const error = await assertRejects(async () => {
    await using socket = other.left;
    await socket.write("accepted, and lost");
    // Its error is the one that counts: there is no SuppressedError around it.
    await socket.flush();
  }, BrokenError);
  assertStrictEquals(error.cause, other.spy.writeError);
});

Deno.test("await using does not repeat what a later read has said", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  // A read that was cut off finds the connection broken.
  await outcome(left.read({ timeoutMs: 1 }));
  spy.hold();
  await left.write("accepted, and lost");
  await turn();
  spy.inner.reset();
  await turn();
  const error = await outcome(left.read());
  assertInstanceOf(error, BrokenError);
  // `close` says so each time, the end of a block does not.
  await left[Symbol.asyncDispose]();
  assertStrictEquals(await outcome(left.close()), error);
});

Deno.test("await using does not hide what the block threw", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const failing = assertRejects(
    async () => {
      await using socket = left;
      await socket.write("sent before it");
      throw new RangeError("mine");
    },
    RangeError,
    "mine",
  );
  await turn();
  assertEquals(textOf(await right.read()), "sent before it");
  await right.close();
  await failing;
});
