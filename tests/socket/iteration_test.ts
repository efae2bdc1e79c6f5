import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { framed, lines, listen, Socket } from "@sluice/net";
import { Requests } from "@sluice/net/client";
import { memoryPair } from "@sluice/net/testing";
import { BrokenError, BusyError } from "../../lib/errors.ts";
import {
  bytes,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  TIMEOUT,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "for await over a socket gives chunks until the peer ends",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    right.write("some ").then(() => right.write("text")).then(() =>
      right.closeWrite()
    );
    let text = "";
    for await (const chunk of left) text += textOf(chunk);
    assertEquals(text, "some text");
    // The end of the peer's side is not the end of ours.
    await left.write("answer");
    await left.flush();
    assertEquals(textOf(await right.readExactly(6)), "answer");
  },
);

Deno.test("break leaves the socket open, and the next loop goes on", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write(bytes(200)).then(() => right.closeWrite());
    const received: number[] = [];
    for await (const chunk of left) {
      received.push(...chunk);
      break;
    }
    received.push(...await left.readExactly((200 - received.length) >> 1));
    for await (const chunk of left) received.push(...chunk);
    assertEquals(new Uint8Array(received), bytes(200));
  });
});

Deno.test("the loop throws when the connection breaks", async () => {
  using pair = spiedPair();
  const { left, right, far } = pair;
  await right.write("last words");
  const received: (string | null)[] = [];
  await assertRejects(async () => {
    for await (const chunk of left) {
      received.push(textOf(chunk));
      far.reset();
    }
  }, BrokenError);
  assertEquals(received, ["last words"]);
});

Deno.test("a second loop is refused, the first goes on", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const first = (async () => {
    let text = "";
    for await (const chunk of left) text += textOf(chunk);
    return text;
  })();
  await turn();
  await assertRejects(async () => {
    for await (const _ of left);
  }, BusyError);
  await right.write("whole");
  await right.closeWrite();
  assertEquals(await first, "whole");
});

Deno.test("return of an iterator ends the wait of its next, and loses no byte", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const chunks = left[Symbol.asyncIterator]();
  const next = chunks.next();
  assertEquals((await chunks.return!()).done, true);
  assertEquals((await next).done, true);
  // One that does not wait leaves the read of another caller alone.
  const reading = left.read();
  await chunks.return!();
  await right.write("here");
  assertEquals(textOf(await reading), "here");
  // As a stream does that is cancelled.
  const reader = ReadableStream.from(left).getReader();
  const pulling = reader.read();
  await reader.cancel();
  assertEquals((await pulling).done, true);
  await right.write("kept");
  assertEquals(textOf(await left.read()), "kept");
});

Deno.test(
  "a generator that delegates to a loop, and is given an error, throws that",
  TIMEOUT,
  async () => {
    const [left, right] = memoryPair();
    const [asking, answering] = memoryPair();
    const frames = framed(left, lines());
    const requests = new Requests(framed(asking, lines()), { match: "order" });
    await using listener = listen({ port: 0 });
    const loops: [AsyncIterable<unknown>, () => unknown][] = [
      [left, () => right.write("chunk\n")],
      [frames, () => right.write("frame\n")],
      [frames.batches(), () => right.write("batch\n")],
      [
        requests.stream("question", { isLast: () => false }),
        () => answering.write("answer\n"),
      ],
      [
        listener,
        async () => (await Deno.connect({ port: listener.addr.port })).close(),
      ],
    ];
    for (const [loop, bring] of loops) {
      let inside: unknown;
      const delegate = async function* () {
        try {
          yield* loop;
        } catch (error) {
          inside = error;
          throw error;
        }
      };
      const generator = delegate();
      const next = generator.next();
      await bring();
      const { value } = await next;
      if (value instanceof Socket) value.abort();
      const error = new Error("mine");
      assertStrictEquals(await outcome(generator.throw(error)), error);
      assertStrictEquals(inside, error);
    }
    // The loops can go on.
    await right.write("next\n");
    assertEquals(await frames.receive(), "next");
    requests.abort();
    for (const each of [left, right, answering]) each.abort();
  },
);
