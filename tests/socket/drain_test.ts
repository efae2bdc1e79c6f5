import { assertEquals } from "@std/assert";
import { halvesOf, type Take } from "../../lib/socket/socket.ts";
import {
  isSettled,
  outcome,
  spiedPair,
  textOf,
  turn,
} from "../_support/sockets.ts";

/** Takes a line's worth of bytes, or ends where the socket drains. */
function takeOrEnd(
  { readLoop }: ReturnType<typeof halvesOf>,
): Take<string | null> {
  return (ended) => {
    const { queue } = readLoop;
    if (queue.length > 0) return textOf(queue.takeAll());
    return ended || readLoop.draining ? null : undefined;
  };
}

Deno.test("drain() asks the call that waits once more, and reads nothing for it", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  const halves = halvesOf(left);
  const { readLoop } = halves;
  const take = takeOrEnd(halves);
  assertEquals(readLoop.draining, false);
  const waiting = readLoop.run("receive", undefined, take, undefined);
  assertEquals(await isSettled(waiting), false);
  halves.drain();
  assertEquals([await waiting, readLoop.draining], [null, true]);
  assertEquals(spy.reads, 1);
  // What the read in flight brings is there for the next call.
  await right.write("late");
  await turn();
  assertEquals(
    await readLoop.run("receive", undefined, take, undefined),
    "late",
  );
  assertEquals(spy.reads, 1);
});

Deno.test("drain() leaves calls alone that do not look for it", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const target = new Uint8Array(4);
  for (
    const read of [
      () => left.read(),
      () => left.readInto(target),
      () => left.readExactly(4),
      () => left.readable.getReader().read(),
    ]
  ) {
    const waiting = outcome(read());
    halvesOf(left).drain();
    assertEquals(await isSettled(waiting), false);
    await right.write("data");
    await waiting;
  }
});

Deno.test("drain() of a socket that has ended does nothing", async () => {
  using pair = spiedPair();
  pair.left.abort();
  halvesOf(pair.left).drain();
  await pair.left.closed;
});
