import { deepStrictEqual } from "node:assert/strict";
import { memoryPair } from "@sluice/net/testing";
import { shout } from "./01_shout.ts";

Deno.test("shout() answers each line in upper case", {
  timeout: 10_000,
}, async () => {
  const [client, server] = memoryPair();
  await client.write("hello\nhow are you?\n");
  await client.closeWrite();
  await shout(server);
  await server.closeWrite();
  const answers = [];
  for (let line; (line = await client.readLine()) !== null;) answers.push(line);
  deepStrictEqual(answers, ["HELLO", "HOW ARE YOU?"]);
});
