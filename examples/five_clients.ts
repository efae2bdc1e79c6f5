#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Five clients at once on one thread: each has a conversation of its own with an echo
 * server, and none waits for another.
 *
 * @module
 */

import { connect, type ConnectOptions, framed, lines } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  connectFlag,
  integerFlag,
  run,
  stop,
} from "./_command_line.ts";
import { print } from "./_output.ts";
import { visibleText } from "./_safe_text.ts";

const HELP = `
Five clients at once: each asks an echo server again and again, and checks each
answer.

Usage: deno task examples five_clients [--connect ADDRESS] [--rounds N]

  --connect ADDRESS  where the server is; 127.0.0.1:8888 by default
  --rounds N         questions of each client, 1 to 1000000; 1000 by default
  --help             shows this text

Examples:
  deno task examples five_clients
  deno task examples five_clients --rounds 100000
`;

const CLIENTS = 5;

const { flags } = commandLine(HELP, {
  connect: "127.0.0.1:8888",
  rounds: "1000",
});
const address = connectFlag("connect", flags.connect);
const rounds = integerFlag("rounds", flags.rounds, { least: 1, most: 1e6 });

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  const started = performance.now();
  const clients = Array.from(
    { length: CLIENTS },
    (_, index) => converse(`client ${index + 1}`, address),
  );
  // The first that fails ends the program: its error says why.
  await Promise.all(clients);
  const seconds = (performance.now() - started) / 1000;
  const rate = Math.round(CLIENTS * rounds / seconds);
  print(
    `${CLIENTS} clients, ${CLIENTS * rounds} answers, ${rate} a second`,
  );
});

/** Asks and checks; every `await` lets the other clients go on. */
async function converse(name: string, options: ConnectOptions): Promise<void> {
  await using socket = await connect({
    ...options,
    timeoutMs: 3_000,
    closeTimeoutMs: 500,
  });
  const connection = framed(socket, lines());
  let slowestMs = 0;
  for (let round = 1; round <= rounds; round++) {
    const question = `${name}, question ${round}`;
    const asked = performance.now();
    await connection.send(question);
    const answer = await connection.receive({ timeoutMs: 3_000 });
    slowestMs = Math.max(slowestMs, performance.now() - asked);
    if (answer === null) stop(`the server ended the connection of ${name}`);
    if (answer !== question) {
      stop(`${name} got the answer "${visibleText(answer)}"`);
    }
  }
  print(
    `${name}: ${rounds} answers, the slowest in ${slowestMs.toFixed(1)} ms`,
  );
}
