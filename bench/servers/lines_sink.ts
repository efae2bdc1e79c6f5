#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Takes lines on Sluice, and answers those that are "ping".
 * Usage: `lines_sink.ts PORT [iterate|batches|readline]`.
 *
 * @module
 */

import { framed, lines, serve, type Socket } from "../../mod.ts";

const PONG = "pong\n";

const MODES: Record<string, (socket: Socket) => Promise<void>> = {
  async iterate(socket) {
    for await (const line of framed(socket, lines())) {
      if (line === "ping") await socket.write(PONG);
    }
  },
  async batches(socket) {
    for await (const batch of framed(socket, lines()).batches()) {
      if (batch[0] === "ping") await socket.write(PONG);
    }
  },
  async readline(socket) {
    while (true) {
      const line = await socket.readLine();
      if (line === null) return;
      if (line === "ping") await socket.write(PONG);
    }
  },
};

const port = Number(Deno.args[0]);
const take = MODES[Deno.args[1] ?? "iterate"];
if (!Number.isInteger(port) || take === undefined) {
  console.error("usage: lines_sink.ts PORT [iterate|batches|readline]");
  Deno.exit(2);
}

// A flood that is over just ends.
const server = serve({ port, onError: () => {} }, take);
const { addr } = server;
console.log(`listening on ${addr.port}`);
