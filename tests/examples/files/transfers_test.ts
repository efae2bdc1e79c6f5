import { assertEquals, assertRejects } from "@std/assert";
import { ClosedError, sleep, type Socket } from "@sluice/net";
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
    const order: Socket[] = [];
    const [first, gone, ...others] = sockets;
    const place = await transfers.begin(first);
    const left = assertRejects(() => transfers.begin(gone), ClosedError);
    const all = others.map(async (socket) => {
      using _ = await transfers.begin(socket);
      order.push(socket);
    });
    gone.abort();
    place[Symbol.dispose]();
    await Promise.all([left, ...all]);
    assertEquals(order.map((each) => sockets.indexOf(each)), [
      2,
      3,
      4,
      5,
      6,
      7,
    ]);
    for (const [a, b] of pairs) (a.abort(), b.abort());
  },
);
