import { assertEquals, assertRejects } from "@std/assert";
import { connect, type Framed, framed, lines } from "@sluice/net";
import { WorkerError, type WorkerGroup } from "@sluice/net/workers";
import { Channel } from "../../lib/workers/_channel.ts";
import { start } from "./_group.ts";

const options = { ignore: Deno.build.os === "windows", timeout: 60_000 };

/** A connection to each of the workers, by place. */
async function connections(group: WorkerGroup): Promise<Framed<string>[]> {
  const found: Framed<string>[] = [];
  while (Object.keys(found).length < 2) {
    const connection = framed(
      await connect({ port: group.addr.port }),
      lines(),
    );
    const index = Number(await connection.receive());
    if (found[index] === undefined) found[index] = connection;
    else await connection.close();
  }
  return found;
}

/** What a worker has heard, once it is `expected`. */
async function hears(
  connection: Framed<string>,
  expected: string,
): Promise<void> {
  let heard: string | null = null;
  while (heard !== expected) {
    await connection.send("hear");
    heard = await connection.receive();
  }
}

Deno.test(
  "workers hear each other in order, and not themselves",
  options,
  async () => {
    const { group } = await start("talk");
    await using _end = group;
    const [a, b] = await connections(group);
    await a.send("say one");
    await a.send("say two");
    await hears(b, "one,two");
    await b.send("say three");
    await hears(a, "three");
    await hears(b, "one,two");
    assertEquals((await group.stats()).messages, 3);
    await Promise.all([a.close(), b.close()]);
  },
);

Deno.test(
  "a worker that takes another's place is told that it has missed something",
  options,
  async () => {
    const { group, events } = await start("talk", {
      restart: { minDelayMs: 1 },
    });
    await using _end = group;
    const [a, b] = await connections(group);
    await hears(b, "");
    Deno.kill(group.workers[1].pid!, "SIGKILL");
    await events.until("worker-ready", 3);
    const [other, again] = await connections(group);
    await a.send("say hello");
    await hears(again, "restarted ?,hello");
    await Promise.all(
      [a, b, other, again].map((each) => each.close().catch(() => {})),
    );
  },
);

Deno.test(
  "a worker that is too slow is told how many messages it has missed",
  options,
  async () => {
    const { group } = await start("flood", {
      maxQueuedMessages: 10,
      maxQueuedBytes: 100_000,
    });
    await using _end = group;
    const found: Framed<string>[] = await connections(group);
    const [a, b] = found;
    // The one is busy for a while; the other publishes 20 MB meanwhile.
    await b.send("sleep");
    await a.send("flood");
    assertEquals(await a.receive(), "published 2000");
    assertEquals(await b.receive(), "slept");
    let received = 0;
    let missed = 0;
    while (received + missed < 2_000) {
      await b.send("count");
      [received, missed] = (await b.receive())!.split(" ").map(Number);
    }
    assertEquals(received + missed, 2_000);
    assertEquals(missed > 0, true);
    assertEquals((await group.stats()).messagesDropped, missed);
    await Promise.all([a.close(), b.close()]);
  },
);

Deno.test(
  "what is no word of a worker ends it, whatever length it claims",
  options,
  async () => {
    const words = ["length", "kind", "json", "empty"];
    await Promise.all(words.map(async (word) => {
      const error = await assertRejects(
        () => start("rogue", { args: [word] }),
        WorkerError,
        "what it sent is not the protocol",
      );
      assertEquals(error.failure, "protocol");
    }));
  },
);

Deno.test("a subscription of a channel that a hook of another one has closed is told of no gap", () => {
  const channel = new Channel({ publish: () => Promise.resolve(), tell() {} });
  const told: string[] = [];
  channel.subscribe("topic", () => {}, {
    onGap: () => {
      told.push("first");
      second.close();
    },
  });
  const second = channel.subscribe("topic", () => {}, {
    onGap: () => told.push("second"),
  });
  channel.onGap("topic", 3);
  assertEquals(told, ["first"]);
});
