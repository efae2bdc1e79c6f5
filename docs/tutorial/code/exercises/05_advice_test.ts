import { strictEqual } from "node:assert/strict";
import { BrokenError, framed, lines, PermissionError } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { advice } from "./05_advice.ts";

async function errorOf(task: () => Promise<unknown>): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

Deno.test("advice() knows what passes by itself", async () => {
  strictEqual(
    advice(new BrokenError("refused", "Cannot connect")),
    "try again",
  );
  const [client] = memoryPair();
  const error = await errorOf(() => client.read({ timeoutMs: 1 }));
  strictEqual(advice(error), "try again");
});

Deno.test("advice() knows what the peer has done", async () => {
  const [client, server] = memoryPair();
  await client.write("too long for a line\nand cut off");
  await client.closeWrite();
  const connection = framed(server, lines({ maxLineBytes: 10 }));
  strictEqual(advice(await errorOf(() => connection.receive())), "hang up");
  const { socket } = connection.detach();
  strictEqual(advice(await errorOf(() => socket.readExactly(100))), "hang up");
});

Deno.test("advice() knows a permission that is missing", () => {
  const error = new PermissionError(
    ["--allow-net=127.0.0.1:1"],
    "Cannot connect",
  );
  strictEqual(advice(error), "give permission");
});

Deno.test("advice() knows our own mistakes", async () => {
  const [client] = memoryPair();
  client.abort();
  strictEqual(advice(await errorOf(() => client.read())), "fix the program");
  strictEqual(advice(new TypeError("oops")), "fix the program");
});
