import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BusyError, ClosedError } from "../../lib/errors.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type { Transport } from "../../lib/transport/options.ts";
import {
  bytes,
  isSettled,
  outcome,
  type SpiedPair,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";

async function readAll(transport: Transport): Promise<string> {
  const target = new Uint8Array(7);
  let text = "";
  for (;;) {
    const count = await transport.read(target);
    if (count === null) return text;
    text += textOf(target.subarray(0, count));
  }
}

/** Leaves a transport read in flight that no call waits for any more. */
async function leaveRead({ left }: Pick<SpiedPair, "left">): Promise<void> {
  const controller = new AbortController();
  const cut = outcome(left.read({ signal: controller.signal }));
  controller.abort("not now");
  await cut;
}

testOverMemoryAndTcp(
  "detach() gives the transport and the unread bytes",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("line\nand more");
    await left.peek(13);
    assertEquals(await left.readLine(), "line");
    const { signal, closed } = left;
    const { transport, unread } = left.detach();
    assertEquals(textOf(unread), "and more");
    await closed;
    assert(signal.reason instanceof ClosedError);
    await right.write(" to come");
    await right.closeWrite();
    assertEquals(await readAll(transport), " to come");
    await transport.write(new TextEncoder().encode("bye\n"));
    assertEquals(await right.readLine(), "bye");
    transport.close();
  },
);

Deno.test("detach() gives the very transport where no read is in flight", () => {
  using pair = spiedPair();
  const { transport, unread } = pair.left.detach();
  assertStrictEquals(transport, pair.spy);
  assertEquals(unread.length, 0);
  transport.close();
});

testOverMemoryAndTcp(
  "detach() with a read in flight loses nothing",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await leaveRead(pair);
    const { transport, unread } = left.detach();
    assertEquals(unread.length, 0);
    assertEquals(transport.localAddr, left.localAddr);
    assertEquals(transport.remoteAddr, left.remoteAddr);
    const reading = readAll(transport);
    assertEquals(await isSettled(reading), false);
    for (const part of ["one ", "two ", "three"]) {
      await right.write(part);
      await right.flush();
    }
    await right.closeWrite();
    assertEquals(await reading, "one two three");
    await transport.write(bytes(3));
    await transport.closeWrite();
    assertEquals(await right.readExactly(3), bytes(3));
    assertEquals(await right.read(), null);
    transport.close();
  },
);

Deno.test("a socket may be made of what was detached, under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    await leaveRead({ left });
    const { transport } = left.detach();
    const socket = new Socket(transport);
    right.write(bytes(500)).then(() => right.closeWrite());
    assertEquals(await socket.readExactly(500), bytes(500));
    assertEquals(await socket.read(), null);
    assertEquals(await socket.read(), null);
    await socket.write("answer");
    assertEquals(textOf(await right.readExactly(6)), "answer");
    await socket.flush();
    // Twice is not too often.
    await new Socket(socket.detach().transport).close();
  });
});

Deno.test("a detached read in flight serves small arrays, and reads that overlap", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await leaveRead(pair);
  const { transport } = left.detach();
  const targets = [new Uint8Array(0), bytes(2), bytes(2), bytes(2)];
  const reads = targets.map((target) => transport.read(target));
  await right.write("abcdef");
  assertEquals(await Promise.all(reads), [0, 2, 2, 2]);
  assertEquals(targets.map(textOf), ["", "ab", "cd", "ef"]);
  transport.close();
});

Deno.test("a detached read in flight that finds the end says so, again and again", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await leaveRead(pair);
  const { transport } = left.detach();
  await right.closeWrite();
  for (let i = 0; i < 3; i++) {
    assertEquals(await transport.read(bytes(1)), null);
  }
  transport.close();
});

Deno.test("a detached read in flight that fails is the transport's own failure", async () => {
  using pair = spiedPair();
  const { left, far } = pair;
  await leaveRead(pair);
  const { transport } = left.detach();
  far.reset();
  await assertRejects(
    () => transport.read(bytes(1)),
    Deno.errors.ConnectionReset,
  );
  transport.close();
});

Deno.test("detach() after the end gives a transport that is at its end", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("rest");
  await right.closeWrite();
  await left.peek(5);
  const { transport, unread } = left.detach();
  assertEquals(textOf(unread), "rest");
  assertEquals(await transport.read(bytes(1)), null);
  await transport.write(bytes(1));
  assertEquals((await right.readExactly(1)).length, 1);
  transport.close();
});

Deno.test("detach() is refused while a call reads or bytes wait to be sent", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const waiting = left.read();
  assertThrows(() => left.detach(), BusyError, "read is under way");
  await right.write("x");
  await waiting;
  left.write("unsent");
  const error = assertThrows(() => left.detach(), BusyError, "6 written bytes");
  assertEquals(error.operation, "detach");
  await left.flush();
  left.detach().transport.close();
});

Deno.test("a detached socket lets its transport be, and counts no more limits", async () => {
  using pair = spiedPair({ left: { idleMs: 5, readMs: 5 } });
  const { left, spy } = pair;
  const { transport } = left.detach();
  left.abort();
  await left.close();
  await turn();
  assertEquals(spy.closed, 0);
  transport.close();
});

Deno.test("detach() over TLS says what TLS agreed on, also with a read in flight", async () => {
  const [near, far] = memoryTransportPair();
  const tls = Object.assign(near, { alpnProtocol: "h2" });
  const left = new Socket(tls);
  await outcome(left.read({ timeoutMs: 1 }));
  using again = new Socket(left.detach().transport);
  assertEquals(again.alpnProtocol, "h2");
  far.close();
});
