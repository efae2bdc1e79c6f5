#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The first client of every tutorial: sends lines, prints what comes back.
 *
 * @module
 */

import { connect, framed, lines } from "@sluice/net";
import { decodeStream } from "@sluice/net/codec";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { commandLine, connectFlag, run, stop } from "./_command_line.ts";
import { complain } from "./_log.ts";
import { print } from "./_output.ts";
import { visibleText } from "./_safe_text.ts";

const HELP = `
An echo client: sends lines and prints what comes back.

Usage: deno task examples echo_client [--connect ADDRESS] [TEXT...]

  TEXT               lines to send; without any, the lines of standard input
  --connect ADDRESS  where the server is; 127.0.0.1:8888 by default
  --help             shows this text

Examples:
  deno task examples echo_client hello "how are you"
  deno task examples echo_client --connect 127.0.0.1:9000 < lines.txt
`;

const { flags, texts } = commandLine(
  HELP,
  { connect: "127.0.0.1:8888" },
  { texts: true },
);
const address = connectFlag("connect", flags.connect);

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  await using socket = await connect({ ...address, timeoutMs: 3_000 });
  const connection = framed(socket, lines());
  let sent = 0;
  let received = 0;
  let finished = false;

  async function send(): Promise<void> {
    const input = texts.length > 0
      ? texts
      : Deno.stdin.readable.pipeThrough(decodeStream(lines()));
    for await (const line of input) {
      await connection.send(line);
      sent++;
    }
    finished = true;
    // Tells the server that this was all; it can still answer.
    await socket.closeWrite();
  }

  async function receive(): Promise<void> {
    for await (const line of connection) {
      // Another server than ours could send what a terminal obeys.
      print(
        line.replaceAll(/[^\t]+/g, (text) => visibleText(text, Infinity)),
      );
      received++;
    }
    if (!finished) stop("the server ended the connection");
  }

  // Side by side: a client that sends everything before it reads anything stops for
  // ever once both ways are full.
  await Promise.all([send(), receive()]);
  complain(`${sent} lines sent, ${received} received`);
  if (received !== sent) stop("some lines did not come back");
});
