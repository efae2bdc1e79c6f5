import { deepStrictEqual, rejects } from "node:assert/strict";
import { framed, lines, sleep, type Socket, TimeoutError } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { askAll } from "./03_ask_all.ts";

/** Answers each line after a while. */
async function answer(socket: Socket, delayMs: number): Promise<void> {
  const connection = framed(socket, lines());
  for await (const question of connection) {
    await sleep(delayMs);
    await connection.send(`${question}!`);
  }
}

Deno.test("askAll() returns all answers where there is time", {
  timeout: 20_000,
}, async () => {
  const [client, server] = memoryPair();
  const answering = answer(server, 0);
  deepStrictEqual(await askAll(client, ["a", "b"], 10_000), ["a!", "b!"]);
  await client.closeWrite();
  await answering;
});

Deno.test("askAll() gives up when the time is over for all questions", {
  timeout: 20_000,
}, async () => {
  const [client, server] = memoryPair();
  const answering = answer(server, 50);
  const questions = Array.from({ length: 10 }, (_, index) => `${index}`);
  await rejects(askAll(client, questions, 200), TimeoutError);
  await client.closeWrite();
  await answering;
});
