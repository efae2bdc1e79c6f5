import { assert, assertEquals, assertRejects } from "@std/assert";
import { LimitError } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";

const socket = { maxPendingBytes: 256 * 1024, highWaterMarkBytes: 1024 };

Deno.test("maxPendingBytes ends a writer that never waits for a peer that never reads", async () => {
  const [writer, peer] = memoryPair({ socket });
  const chunk = new Uint8Array(16 * 1024);
  let written = 0;
  let failure: unknown;
  for (; written < 1000 && failure === undefined; written++) {
    writer.write(chunk).catch((error) => failure = error);
    await Promise.resolve();
  }
  const error = await assertRejects(() => writer.write("more"), LimitError);
  assertEquals([error.option, error.limit], ["maxPendingBytes", 256 * 1024]);
  assert(written * chunk.length < 2 * 256 * 1024, `${written} were accepted`);
  await assertRejects(() => writer.flush(), LimitError);
  await assertRejects(() => writer.close(), LimitError);
  peer.abort();
});

Deno.test("maxPendingBytes lets one write of any size through", async () => {
  const [writer, peer] = memoryPair({ socket });
  const large = new Uint8Array(4 * 1024 * 1024).fill(7);
  const written = writer.write(large);
  let received = 0;
  while (received < large.length) received += (await peer.read())!.length;
  await written;
  assertEquals(received, large.length);
  await Promise.all([writer.close(), peer.close()]);
});
