#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A chat client for the terminal, with a prompt that stays usable while others talk.
 *
 * @module
 */

import { connect, type Framed, framed, lines } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { addressFlag, commandLine, run, stop } from "../_command_line.ts";
import { cleanText } from "../_safe_text.ts";
import { openScreen, type Screen } from "./screen.ts";
import { isName, NAME_RULE } from "./text.ts";

const HELP = `
A chat client for the terminal. Type lines, or /help. Ctrl-C, Ctrl-D or /quit leaves.

Usage: deno task examples chat/client [--connect ADDRESS] [--name NAME] [--room ROOM]

  --connect ADDRESS  where the server is; 127.0.0.1:7000 by default
  --name NAME        what to be called; asked for by default
  --room ROOM        where to go; lobby by default, needs a name
  --help             shows this text

Examples:
  deno task examples chat/client --name ann
  deno task examples chat/client --connect 127.0.0.1:7001 --name bob --room garden
`;

const NONE = "-"; // No name, and stands for none.
const { flags } = commandLine(HELP, {
  connect: "127.0.0.1:7000",
  name: NONE,
  room: NONE,
});
const address = addressFlag("connect", flags.connect);
const greeting = [...nameFlag("name"), ...nameFlag("room").map(join)];
if (flags.room !== NONE && flags.name === NONE) {
  stop("Cannot run: --room must come with --name", 2);
}

function join(room: string): string {
  return `/join ${room}`;
}

function nameFlag(flag: "name" | "room"): string[] {
  const value = flags[flag];
  if (value === NONE) return [];
  if (isName(value)) return [value];
  const shown = cleanText(value);
  stop(
    `Cannot run: --${flag} must be ${NAME_RULE}, got ${shown}`,
    2,
  );
}

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  await using socket = await connect({
    ...address,
    timeoutMs: 3_000,
    closeTimeoutMs: 1_000,
  });
  const connection = framed(socket, lines());
  await connection.sendAll(greeting);
  const screen = openScreen();
  let left = false;

  async function send(): Promise<void> {
    for await (const line of screen.typed) {
      if (line.trim() === "/quit") break;
      await connection.send(cleanText(line));
    }
    left = true;
    // The server sends what is under way, and ends its side.
    await socket.closeWrite();
  }

  const sending = send();
  sending.catch(() => {}); // Whatever it is, receiving ends as well.
  try {
    await showAll(connection, screen);
  } finally {
    screen.close();
  }
  if (!left) stop("the server ended the connection");
  await sending;
});

/** The server should have cleaned what it sends; this terminal does not rely on it. */
async function showAll(
  connection: Framed<string>,
  screen: Screen,
): Promise<void> {
  for await (const line of connection) screen.show(cleanText(line));
}
