import { strictEqual } from "node:assert/strict";
import { sleep } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { readName } from "./12_name.ts";

async function nameFrom(text: string): Promise<string | null> {
  const [client, server] = memoryPair();
  await client.write(text);
  await client.closeWrite();
  try {
    return await readName(server);
  } finally {
    client.abort();
  }
}

Deno.test("readName() reads a good name", async () => {
  strictEqual(await nameFrom("ann\n"), "ann");
  strictEqual(await nameFrom("R2D2\nmore"), "R2D2");
});

Deno.test("readName() refuses what is no name", async () => {
  for (const name of ["", "a b", "é", "\x1b[31mann", "a".repeat(21)]) {
    strictEqual(await nameFrom(`${name}\n`), null, name);
  }
});

Deno.test("readName() refuses a line that is too long, or has no end", async () => {
  strictEqual(await nameFrom("a".repeat(10_000)), null);
  strictEqual(await nameFrom(""), null);
});

Deno.test("readName() does not wait for a client that drips", {
  timeout: 20_000,
}, async () => {
  const [client, server] = memoryPair();
  const reading = readName(server);
  for (let i = 0; i < 10; i++) {
    await client.write("a");
    await sleep(50);
  }
  await client.write("\n");
  strictEqual(await reading, null);
});
