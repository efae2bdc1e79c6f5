#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A chat server: rooms, names, history and private messages, as plain lines of text.
 * Talk to it with `client.ts`, or with `nc 127.0.0.1 7000`.
 *
 * @module
 */

import { formatAddress } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
} from "../_command_line.ts";
import { log } from "../_log.ts";
import { type ChatSettings, MAX_CONNECTIONS, startChat } from "./service.ts";

const HELP = `
A chat server with rooms, where slow readers slow no others. Ctrl-C drains it.

Usage: deno task examples chat/server [--listen ADDRESS] [--rate N] [--queue N]
                                      [--slow POLICY] [--history N]
                                      [--per-address N]

  --listen ADDRESS  where to listen; 127.0.0.1:7000 by default. Port 0 takes one
                    that is free. What is not on 127.0.0.1 must be allowed to
                    Deno as well.
  --rate N          lines a second that one client may send, 1 to 100000; 5 by
                    default. Twice as many pass at once after a pause.
  --queue N         lines that wait for a slow reader, 100 to 100000; 500 by
                    default
  --slow POLICY     what happens to a reader that is slower: "drop" (the default)
                    leaves out the oldest lines, "disconnect" ends the connection
  --history N       lines that a room remembers, 0 to 50; 20 by default
  --per-address N   connections of one address, 1 to 1000; 100 by default
  --help            shows this text

Examples:
  deno task examples chat/server
  deno task examples chat/server --listen 127.0.0.1:7001 --slow disconnect
  deno task examples --allow-net=0.0.0.0:7000 chat/server --listen 0.0.0.0:7000
`;

const { flags } = commandLine(HELP, {
  listen: "127.0.0.1:7000",
  rate: "5",
  queue: "500",
  slow: "drop",
  history: "20",
  "per-address": "100",
});
const address = listenFlag("listen", flags.listen);
const settings: ChatSettings = {
  rate: integerFlag("rate", flags.rate, { least: 1, most: 100_000 }),
  mostLines: integerFlag("queue", flags.queue, {
    least: 100, // Help and history must fit.
    most: 100_000,
  }),
  slow: policyFlag(flags.slow),
  history: integerFlag("history", flags.history, { least: 0, most: 50 }),
  perAddress: integerFlag("per-address", flags["per-address"], {
    least: 1,
    most: MAX_CONNECTIONS,
  }),
  trustedProxies: [],
  tls: undefined,
};

function policyFlag(value: string): ChatSettings["slow"] {
  if (value === "drop" || value === "disconnect") return value;
  stop(
    `Cannot run: --slow must be drop or disconnect, got ${value}`,
    2,
  );
}

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  // Ctrl-C says good-bye to all; a second one does not.
  const server = await startChat(address, settings, { drainOnSignals: true });
  log(`listening on ${formatAddress(server.addr)}`);
  await server.closed;
  const { completed, aborted } = await server.shutdown();
  log(`drained: ${completed} finished, ${aborted} cut off`);
});
