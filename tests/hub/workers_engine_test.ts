import { assertEquals } from "@std/assert";
import { connect, type Framed, framed, lines } from "@sluice/net";
import { supervise } from "@sluice/net/workers";

const LIMITS = { timeoutMs: 30_000 };

Deno.test(
  "workersEngine() makes one room of the members of all workers, in order",
  {
    ignore: Deno.build.os === "windows",
    timeout: 60_000,
  },
  async () => {
    await using group = await supervise({
      module: new URL("fixtures/room.ts", import.meta.url),
      workers: 2,
      port: 0,
      permissions: ["--allow-net=127.0.0.1"],
    });
    const { port } = group.addr;
    // Until both workers have two of them.
    const members: Framed<string>[][] = [[], []];
    while (members.some((each) => each.length < 2)) {
      const connection = framed(await connect({ port }), lines());
      const index = Number(await connection.receive(LIMITS));
      members[index].push(connection);
    }
    const all = members.flat();
    const [[ann], [bob]] = members;
    const numbers = Array.from({ length: 500 }, (_, i) => `${i}`);
    await Promise.all([
      ann.sendAll(numbers.map((number) => `ann ${number}`)),
      bob.sendAll(numbers.map((number) => `bob ${number}`)),
    ]);
    for (const member of all) {
      const heard: Record<string, string[]> = { ann: [], bob: [] };
      const expected = { ann: numbers, bob: numbers };
      if (member === ann) expected.ann = [];
      if (member === bob) expected.bob = [];
      const count = expected.ann.length + expected.bob.length;
      for (let i = 0; i < count; i++) {
        const [who, number] = (await member.receive(LIMITS))!.split(" ");
        heard[who].push(number);
      }
      assertEquals(heard, expected);
    }
    for (const member of all) {
      await member.send("lost");
      assertEquals(await member.receive(LIMITS), "lost 0");
    }
    await Promise.all(all.map((member) => member.close()));
  },
);
