import { assertEquals, assertRejects } from "@std/assert";
import { ClosedError, sleep } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { Transfers } from "../../../examples/files/transfers.ts";
import { TIMEOUT } from "../../_support/sockets.ts";

Deno.test(
  "Transfers gives places to the clients of one address in their order",
  TIMEOUT,
  async () => {
    const pairs = Array.from({ length: 8 }, () => memoryPair());
    const sockets = pairs.map(([socket]) => socket);
    const transfers = new Transfers({
      max: 10,
      maxPerAddress: 1,
      slowBytesPerSecond: 0,
    });
    const order: number[] = [];
    const [first, gone, ...others] = sockets;
    const place = await transfers.begin(first);
    const left = assertRejects(() => transfers.begin(gone), ClosedError);
    // They begin at different times, so that without a queue each would look at its own.
    const all: Promise<void>[] = [];
    for (const [i, socket] of others.entries()) {
      await sleep(40);
      all.push((async () => {
        using _ = await transfers.begin(socket);
        order.push(i);
        await sleep(130);
      })());
    }
    gone.abort();
    place[Symbol.dispose]();
    await Promise.all([left, ...all]);
    assertEquals(order, [0, 1, 2, 3, 4, 5]);
    for (const [a, b] of pairs) (a.abort(), b.abort());
  },
);
