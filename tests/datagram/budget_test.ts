import { assertEquals } from "@std/assert";
import { datagram } from "@sluice/net/datagram";
import {
  spendBytes,
  spendUnit,
  waitForBudget,
} from "../../lib/socket/io_budget.ts";
import { TIMEOUT } from "../_support/sockets.ts";

Deno.test(
  "datagrams over node:dgram wait while other sockets have their turn",
  TIMEOUT,
  async () => {
    await using receiver = await datagram({ port: 0, backend: "node" });
    await using sender = await datagram({ port: 0, backend: "node" });
    let duringPause = 0;
    let sent = 0;
    // In some pauses none comes at all.
    while (duringPause === 0) {
      while (spendUnit());
      // What there is for those that have their turn.
      spendBytes(1 << 20);
      const before = receiver.stats.received;
      const pause = new Promise<number>((resolve) =>
        waitForBudget({
          onNewBudget: () => resolve(receiver.stats.received - before),
        })
      );
      const sending = [1, 2, 3, 4].map((n) =>
        sender.send(`${n}`, receiver.localAddr)
      );
      duringPause = await pause;
      await Promise.all(sending);
      sent += sending.length;
      for (let n = 0; n < sending.length; n++) await receiver.receive();
    }
    // The one that was asked for before.
    assertEquals(duringPause, 1);
    assertEquals(receiver.stats.received, sent);
  },
);
