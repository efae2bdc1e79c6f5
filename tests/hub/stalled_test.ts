import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect, framed, lengthPrefixed, serve } from "@sluice/net";
import { Hub } from "@sluice/net/hub";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Memory in use, the engine's heap and what is outside of it. */
function memory(): number {
  gc();
  const { external, heapUsed } = Deno.memoryUsage();
  return external + heapUsed;
}

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test(
  "members that read nothing slow no other, and cost their sockets' own bytes alone",
  {
    timeout: 60_000,
  },
  async () => {
    const codec = lengthPrefixed();
    const hub = new Hub(codec);
    await using server = serve(
      { port: 0, shutdownTimeoutMs: 1 },
      async (socket) => {
        hub.join("all", framed(socket, codec));
        await socket.closed;
      },
    );
    const open = async (count: number) => {
      const sockets = await Promise.all(
        Array.from({ length: count }, () => connect(server.addr)),
      );
      return sockets.map((socket) => framed(socket, codec));
    };
    const silent = await open(100);
    const readers = await open(5);
    while (hub.stats.members < 105) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const before = memory();
    const frame = new Uint8Array(4 * KIB);
    let published = 0;
    // Until the silent ones have all that may wait for them, and for some time after.
    while (hub.stats.dropped < 10_000) {
      for (let i = 0; i < 16; i++) {
        frame[0] = published++;
        await hub.publish("all", frame);
      }
      for (const reader of readers) {
        for (let i = published - 16; i < published; i++) {
          assertEquals((await reader.receive())![0], i & 0xff);
        }
      }
    }
    const { queuedBytes, queuedFrames, dropped, delivered } = hub.stats;
    assertEquals(delivered + dropped + queuedFrames, published * 105);
    assertGreater(queuedBytes, 95 * MIB);
    // 64 KiB are on the way to each; 1 MiB waits for all of them, and the places in 100 queues.
    assertLess(memory() - before, 100 * 64 * KIB + 3 * MIB);
    await Promise.all(
      [...silent, ...readers].map((each) => each.close({ timeoutMs: 1 })),
    );
  },
);
