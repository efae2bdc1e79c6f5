import { assertEquals, assertRejects } from "@std/assert";
import { connect, serve } from "@sluice/net";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { TimeoutError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { halvesOf, type Socket } from "../../lib/socket/socket.ts";
import { spiedPair, TIMEOUT, turn } from "../_support/sockets.ts";
import { keeping } from "./_codecs.ts";

/** What a server that begins to shut down does to each of its sockets. */
function drain(socket: Socket): void {
  halvesOf(socket).drain();
}

Deno.test("a drain ends the frames between two of them, however they are received", async () => {
  for (const how of ["receive", "for await", "batches", "stream"] as const) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    const receiver = framed(left, lines());
    await right.write("one\ntwo\n");
    const received: unknown[] = [await receiver.receive()];
    drain(left);
    const { reads } = spy;
    if (how === "receive") {
      received.push(await receiver.receive(), await receiver.receive());
    }
    if (how === "for await") {
      for await (const line of receiver) received.push(line);
    }
    if (how === "batches") {
      for await (const batch of receiver.batches()) received.push(...batch);
    }
    if (how === "stream") {
      for await (const line of receiver.readable) received.push(line);
    }
    // What has arrived is received, and no transport read begins.
    assertEquals(received.filter((line) => line !== null), ["one", "two"], how);
    assertEquals(spy.reads, reads, how);
    assertEquals(receiver.tryReceive(), undefined);
    // The socket goes on: an answer can still be sent.
    await receiver.send("bye");
    assertEquals(await right.readLine(), "bye");
  }
});

Deno.test("a drain waits for the end of a frame that has begun", async () => {
  for (const codec of [lines(), keeping]) {
    using pair = spiedPair();
    const { left, right } = pair;
    const receiver = framed(left, codec);
    await right.write("one\ntw");
    assertEquals(await receiver.receive(), "one");
    drain(left);
    const next = receiver.receive();
    await turn();
    await right.write("o\n");
    assertEquals(await next, "two");
    assertEquals(await receiver.receive(), null);
  }
});

Deno.test("a drain waits for the end of a frame that is dropped", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const codec = lengthPrefixed({
    lengthBytes: 1,
    maxFrameBytes: 4,
    oversize: "skip",
  });
  const receiver = framed(left, codec);
  await right.write(new Uint8Array([9, 1, 2, 3]));
  await assertRejects(() => receiver.receive({ timeoutMs: 10 }), TimeoutError);
  drain(left);
  const next = receiver.receive();
  await turn();
  await right.write(new Uint8Array([4, 5, 6, 7, 8, 9, 1, 7]));
  assertEquals(await next, new Uint8Array([7]));
  assertEquals(await receiver.receive(), null);
});

Deno.test("a drain ends no frames where endOnDrain is false", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, lines(), { endOnDrain: false });
  drain(left);
  const next = receiver.receive();
  await turn();
  await right.write("late\n");
  assertEquals(await next, "late");
  await right.closeWrite();
  assertEquals(await receiver.receive(), null);
});

Deno.test("a drain ends the call that waits for a frame, and no other", async () => {
  for (const begun of [false, true]) {
    using pair = spiedPair();
    const { left, right } = pair;
    const receiver = framed(left, lines());
    const waiting = receiver.receive();
    if (begun) await right.write("on");
    await turn();
    drain(left);
    if (begun) await right.write("e\n");
    assertEquals(await waiting, begun ? "one" : null);
    assertEquals(await receiver.receive(), null);
  }
});

Deno.test(
  "a server that shuts down ends idle clients between two frames, without their handler's help",
  TIMEOUT,
  async () => {
    const server = serve({ port: 0 }, async (socket) => {
      const connection = framed(socket, lines());
      for await (const line of connection) await connection.send(line);
      await connection.send("bye");
    });
    const { port } = server.addr;
    const client = framed(await connect({ port }), lines());
    await client.send("hello");
    assertEquals(await client.receive(), "hello");
    const ended = server.shutdown({ timeoutMs: 10_000 });
    assertEquals(await client.receive(), "bye");
    assertEquals(await client.receive(), null);
    await client[Symbol.asyncDispose]();
    const { completed, aborted } = await ended;
    assertEquals([completed, aborted], [1, 0]);
  },
);
