/**
 * What the compiler knows of bytes that are handed out: checked when the tests are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { framed, lengthPrefixed, Socket } from "@sluice/net";
import {
  ByteQueue,
  bytes,
  decodeStream,
  delimited,
  fixed,
  inParts,
  netstring,
  struct,
  u8,
} from "@sluice/net/codec";
import { memoryPair } from "@sluice/net/testing";

/** What `Response`, `Blob`, `WebSocket.send` and `crypto.subtle` take. */
type Bytes = Uint8Array<ArrayBuffer>;

Deno.test("bytes that are handed out can go wherever the platform takes bytes", async () => {
  const [left, right] = memoryPair();
  await left.write("abc\ndef\n");
  const read: Bytes[] = [
    await right.peek(1),
    await right.readExactly(1),
    await right.readUntil("\n"),
    (await right.read())!,
  ];
  assertEquals(await new Blob(read).text(), "aabc\ndef\n");
  await left.write("012");
  for await (const chunk of right) {
    const body: Bytes = chunk;
    assertEquals(await new Response(body).text(), "012");
    break;
  }
  await left.write(new Uint8Array([1, 5, 1, 6]));
  const { head } = (await framed(
    right,
    inParts(lengthPrefixed({ lengthBytes: 1 })),
  ).receive())!;
  const header: Bytes | undefined = head?.header;
  assertEquals(header?.length, 1);

  const codecs = [
    delimited({ delimiter: "x" }),
    fixed({ frameBytes: 3 }),
    lengthPrefixed(),
    netstring(),
  ];
  for (const codec of codecs) {
    const send = (): Promise<Response>[] => [
      framed(right, codec).receive().then((frame) => new Response(frame)),
    ];
    assertEquals(typeof send, "function");
  }
  const packet = struct({ data: bytes(u8) });
  const { data } = packet.decode(packet.encode({ data: new Uint8Array(2) }));
  assertEquals((await new Response(data).bytes()).length, 2);
  left.abort();
  right.abort();
});

Deno.test("streams of bytes go through the platform's own", async () => {
  const [left, right] = memoryPair();
  const packed = new Blob(["hello\nworld\n"]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const sent = packed.pipeTo(left.writable);
  const unpacked = right.readable
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(decodeStream(delimited({ delimiter: "\n" })))
    .pipeThrough(new TextDecoderStream());
  assertEquals(await Array.fromAsync(unpacked), ["hello", "world"]);
  await sent;
  left.abort();
  right.abort();
});

Deno.test("memory that threads share is copied where bytes are put into a queue", async () => {
  for (const length of [3, 100, 5_000]) {
    const shared = new Uint8Array(new SharedArrayBuffer(length)).fill(1);
    const queue = new ByteQueue();
    queue.append(shared);
    queue.prepend(shared);
    shared.fill(2);
    const taken = [queue.takeChunk(), queue.takeAll()];
    for (const each of taken) {
      assertEquals(each.buffer instanceof ArrayBuffer, true);
      assertEquals(each.every((byte) => byte === 1), true);
    }
    assertEquals(taken[0].length + taken[1].length, 2 * length);
  }
  const [left, right] = memoryPair();
  left.unread(new Uint8Array(new SharedArrayBuffer(200)));
  const body: Bytes = await left.readExactly(200);
  assertEquals((await new Response(body).bytes()).length, 200);
  assertEquals(left instanceof Socket, true);
  left.abort();
  right.abort();
});
