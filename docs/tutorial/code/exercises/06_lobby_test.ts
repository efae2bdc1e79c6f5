import { rejects, strictEqual } from "node:assert/strict";
import { memoryPair } from "@sluice/net/testing";
import { Lobby } from "./06_lobby.ts";

Deno.test("a Lobby counts clients that come and go", {
  timeout: 10_000,
}, async () => {
  const lobby = new Lobby();
  const [ann, annServer] = memoryPair();
  const [bob, bobServer] = memoryPair();
  const handled = [lobby.handle(annServer), lobby.handle(bobServer)];
  strictEqual(await ann.readLine(), "you are number 1");
  strictEqual(await bob.readLine(), "you are number 2");
  await bob.closeWrite();
  await handled[1];
  strictEqual(lobby.here, 1);
  await ann.closeWrite();
  await handled[0];
  strictEqual(lobby.here, 0);
});

Deno.test("a Lobby does not count a client whose connection broke", {
  timeout: 10_000,
}, async () => {
  const lobby = new Lobby();
  const [ann, annServer] = memoryPair();
  const handled = lobby.handle(annServer);
  await ann.readLine();
  annServer.abort(new Error("the cable was pulled"));
  await rejects(handled);
  strictEqual(lobby.here, 0);
});
