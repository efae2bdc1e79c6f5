import { assertEquals } from "@std/assert";
import { connect, type Framed, framed, lines } from "@sluice/net";
import type { WorkerGroup } from "@sluice/net/workers";
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
