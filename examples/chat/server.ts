#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A chat server: rooms, names, history and private messages, as plain lines of text.
 * Talk to it with `client.ts`, or with `nc 127.0.0.1 7000`.
 *
 * @module
 */

import {
  ClosedError,
  formatAddress,
  serve,
  type Socket,
  SocketError,
} from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
} from "../_command_line.ts";
import { complain, log } from "../_log.ts";
import { PendingConnections, PendingError } from "../_pending_connections.ts";
import { visibleAddress, visibleText } from "../_safe_text.ts";
import { Chat } from "./chat.ts";
import { converse, MAX_LINE_BYTES } from "./conversation.ts";
import type { SlowPolicy } from "./outbox.ts";

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

const MAX_CONNECTIONS = 1_000;
/** Connections without a name; more than these, and the oldest one is cut. */
const MAX_NAMELESS = 20;

const { flags } = commandLine(HELP, {
  listen: "127.0.0.1:7000",
  rate: "5",
  queue: "500",
  slow: "drop",
  history: "20",
  "per-address": "100",
});
const address = listenFlag("listen", flags.listen);
const rate = integerFlag("rate", flags.rate, { least: 1, most: 100_000 });
const mostLines = integerFlag("queue", flags.queue, {
  least: 100, // Help and history must fit.
  most: 100_000,
});
const slow = policyFlag(flags.slow);
const history = integerFlag("history", flags.history, { least: 0, most: 50 });
const perAddress = integerFlag("per-address", flags["per-address"], {
  least: 1,
  most: MAX_CONNECTIONS,
});

function policyFlag(value: string): SlowPolicy {
  if (value === "drop" || value === "disconnect") return value;
  stop(
    `Cannot run: --slow must be drop or disconnect, got ${value}`,
    2,
  );
}

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  const chat = new Chat(history);
  const nameless = new PendingConnections({ max: MAX_NAMELESS });
  const server = serve({
    ...address,
    maxConnections: MAX_CONNECTIONS,
    maxConnectionsPerAddress: perAddress,
    onLimit: "reject",
    idleMs: 60 * 60_000, // Neither said nor heard a word for an hour.
    writeMs: 60_000, // Takes nothing for a minute: gone, not slow.
    highWaterMarkBytes: 16 * 1024, // The rest waits in the bounded queue.
    closeTimeoutMs: 1_000,
    // A line that never ends costs bandwidth, and this is all it gets.
    maxReadBytesPerSecond: Math.max(16 * 1024, rate * MAX_LINE_BYTES),
    drainOnSignals: true, // Ctrl-C says good-bye to all; a second one does not.
    shutdownTimeoutMs: 3_000,
    onError: report,
  }, async (socket, { signal }) => {
    const from = visibleAddress(socket.remoteAddr);
    using name = nameless.add(socket);
    let came = false;
    const onEnter = () => {
      name[Symbol.dispose]();
      came = true;
      log(`${from} came`);
    };
    await converse(socket, { chat, rate, mostLines, slow, signal, onEnter });
    if (came) log(`${from} left`);
  });
  log(`listening on ${formatAddress(server.addr)}`);
  await server.closed;
  const { completed, aborted } = await server.shutdown();
  log(`drained: ${completed} finished, ${aborted} cut off`);
});

/** A client that broke off, was too slow or silent is one line; a bug is more. */
function report(error: unknown, { remoteAddr }: Socket): void {
  const reason = error instanceof ClosedError ? error.cause : error;
  // It never said a name, and others were waiting: there may be thousands of them.
  if (reason instanceof PendingError) return;
  const short = reason instanceof SocketError || error instanceof ClosedError;
  const why = short && reason instanceof Error
    ? visibleText(reason.message)
    : reason;
  complain(`${visibleAddress(remoteAddr)} was lost:`, why);
}
