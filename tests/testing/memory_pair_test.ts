import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenError, TimeoutError } from "../../lib/errors.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";

Deno.test("memoryPair() makes sockets that are connected", async () => {
  const [left, right] = memoryPair({ names: ["here", "there"] });
  await left.write("to the right\n");
  await right.write("to the left\n");
  assertEquals(await right.readLine(), "to the right");
  assertEquals(await left.readLine(), "to the left");
  assertEquals(left.remoteAddr, { transport: "memory", name: "there" });
  await Promise.all([left.close(), right.close()]);
});

Deno.test("memoryPair() has half-close", async () => {
  const [left, right] = memoryPair();
  await left.write("question");
  await left.closeWrite();
  assertEquals((await right.readExactly(8)).length, 8);
  assertEquals(await right.read(), null);
  await right.write("answer\n");
  assertEquals(await left.readLine(), "answer");
  await Promise.all([left.close(), right.close()]);
});

Deno.test("memoryPair() makes a writer wait for its reader", async () => {
  const [left, right] = memoryPair({
    highWaterMarkBytes: 1000,
    socket: { highWaterMarkBytes: 1000 },
  });
  const writing = left.write(new Uint8Array(10_000), { timeoutMs: 5_000 });
  await assertRejects(() => left.read({ timeoutMs: 5 }), TimeoutError);
  let got = 0;
  while (got < 10_000) got += (await right.read())?.length ?? 10_000;
  await writing;
  assertEquals(got, 10_000);
  left.abort();
  right.abort();
});

Deno.test("memoryPair() resets the peer of a socket that is aborted with unread input", async () => {
  const [left, right] = memoryPair();
  await right.write("never read");
  await right.flush();
  const reading = right.read();
  left.abort();
  const error = await assertRejects(() => reading, BrokenError);
  assertEquals(error.reason, "reset");
});

Deno.test("memoryPair() gives its options to both sockets", async () => {
  const [left, right] = memoryPair({ socket: { maxBufferBytes: 10 } });
  for (const socket of [left, right]) {
    await assertRejects(() => socket.readExactly(11), RangeError);
    socket.abort();
  }
});

Deno.test("memoryPair() refuses options that are out of range", () => {
  assertThrows(() => memoryPair({ highWaterMarkBytes: 0 }), RangeError);
  assertThrows(
    () => memoryPair({ socket: { highWaterMarkBytes: 0 } }),
    RangeError,
  );
  for (const names of ["ab", [], ["a"], ["a", ""], ["a", 5]]) {
    const make = () => memoryPair({ names: names as never });
    assertThrows(make, TypeError, "Cannot make a memory pair: names must be");
  }
});

Deno.test("memoryPair() refuses a name that it does not know", () => {
  assertThrows(
    () => memoryPair({ sockets: { idleMs: 1 } } as never),
    TypeError,
    'Cannot make a memory pair: unknown option "sockets", did you mean socket?',
  );
});
