#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Every way in which a client can stop waiting: to connect, for one answer, and for a
 * whole conversation. None of them loses a byte.
 *
 * @module
 */

import {
  connect,
  Deadline,
  formatAddress,
  framed,
  lines,
  TimeoutError,
} from "@sluice/net";
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
A client that does not wait for ever: talks to an echo server with time limits.

Usage: deno task examples client_timeout [--connect ADDRESS] [--timeout MS]

  --connect ADDRESS  where the server is; 127.0.0.1:8888 by default
  --timeout MS       longest wait, 1 to 60000; 500 by default
  --help             shows this text

Examples:
  deno task examples client_timeout
  deno task examples client_timeout --timeout 50
`;

const { flags } = commandLine(HELP, {
  connect: "127.0.0.1:8888",
  timeout: "500",
});
const address = connectFlag("connect", flags.connect);
const timeoutMs = integerFlag("timeout", flags.timeout, {
  least: 1,
  most: 60_000,
});

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  // To connect: the name, the connection and a TLS handshake have this long together,
  // and a server that is just starting is asked three times.
  // To hang up, too: a server that never ends its side is left after as long.
  await using socket = await connect({
    ...address,
    timeoutMs,
    closeTimeoutMs: timeoutMs,
    retry: { attempts: 3, minDelayMs: 100 },
  });
  print(`connected to ${formatAddress(socket.remoteAddr)}`);

  // For one answer. Nothing was asked, so nothing comes.
  const connection = framed(socket, lines());
  try {
    const line = await connection.receive({ timeoutMs });
    if (line === null) stop("the server ended the connection");
    stop(`the server said "${visibleText(line)}" without being asked`);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    print(
      `no answer within ${timeoutMs} ms; the connection is still good`,
    );
  }
  await connection.send("are you there?");
  const answer = await connection.receive({ timeoutMs });
  if (answer === null) stop("the server ended the connection");
  print(`answer: ${visibleText(answer)}`);

  // For a whole conversation, however many reads and writes it has.
  using deadline = Deadline.after(timeoutMs);
  let answers = 0;
  try {
    while (true) {
      await connection.send(`question ${answers + 1}`, { deadline });
      if (await connection.receive({ deadline }) === null) {
        stop("the server ended the connection");
      }
      answers++;
    }
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    print(`${answers} answers before the deadline of ${timeoutMs} ms`);
  }
});
