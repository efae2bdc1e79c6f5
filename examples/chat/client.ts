#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A chat client for the terminal, with a prompt that stays usable while others talk.
 *
 * @module
 */

import {
  BrokenError,
  type Framed,
  framed,
  lines,
  SocketError,
} from "@sluice/net";
import { reconnect } from "@sluice/net/client";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  connectFlag,
  pemFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { cleanText } from "../_safe_text.ts";
import { openScreen, type Screen } from "./screen.ts";
import { Session, type Shown } from "./session.ts";
import { isName, NAME_RULE } from "./text.ts";

const HELP = `
A chat client for the terminal. Type lines, or /help. Ctrl-C, Ctrl-D or /quit leaves.

Usage: deno task examples [PERMISSION...] chat/client
         [--connect ADDRESS] [--name NAME] [--room ROOM] [--times]
         [--tls] [--ca FILE]

  --connect ADDRESS  where the server is; 127.0.0.1:7000 by default
  --name NAME        what to be called; asked for by default
  --room ROOM        where to go; lobby by default, needs a name
  --times            shows when each line was said
  --tls              speaks TLS, and trusts the authorities that Deno trusts
  --ca FILE          speaks TLS, and trusts the authority in this file as well; none
                     by default. Needs --allow-read for the file.
  --help             shows this text

When the connection is lost, it comes back, and shows what was said meanwhile.

Examples:
  deno task examples chat/client --name ann
  deno task examples chat/client --connect 127.0.0.1:7001 --name bob --room garden
  deno task examples --allow-net=localhost:7000 --allow-read=ca.pem chat/client \\
    --connect localhost:7000 --ca ca.pem
`;

const { flags, switches } = commandLine(HELP, {
  connect: "127.0.0.1:7000",
  name: UNSET,
  room: UNSET,
  ca: UNSET,
}, { switches: ["times", "tls"] });
const address = connectFlag("connect", flags.connect);
const who = { name: nameFlag("name"), room: nameFlag("room") };
if (flags.room !== UNSET && flags.name === UNSET) {
  stop("Cannot run: --room must come with --name", 2);
}

function nameFlag(flag: "name" | "room"): string | undefined {
  const value = flags[flag];
  if (value === UNSET) return undefined;
  if (isName(value)) return value;
  const shown = cleanText(value);
  stop(
    `Cannot run: --${flag} must be ${NAME_RULE}, got ${shown}`,
    2,
  );
}

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "connect" }));
  const caCerts = flags.ca === UNSET ? [] : [
    await pemFlag("ca", flags.ca, "CERTIFICATE"),
  ];
  const isTls = switches.tls || caCerts.length > 0 || "tls" in address;
  const { tls: _, ...where } = { tls: undefined, ...address };
  let screen: Screen | undefined;
  let left = false;
  let typing: Promise<void> | undefined;
  let connection: Framed<string> | undefined;
  const session = new Session(who);
  const link = reconnect({
    ...where,
    ...isTls && { tls: { caCerts } },
    closeTimeoutMs: 1_000,
    endOnReturn: "always",
    retry: {
      attemptTimeoutMs: 3_000,
      minDelayMs: 100,
      maxDelayMs: 5_000,
      // One that was never in says what is wrong, and ends.
      retryIf: (error) =>
        session.hasEntered && !left && error instanceof SocketError,
    },
    onEvent: ({ type }) => {
      if (type !== "lost") return;
      screen?.note("* the connection was lost; trying to come back");
    },
  }, async (socket) => {
    connection = framed(socket, lines());
    await connection.sendAll(session.greeting());
    if (screen === undefined) {
      screen = openScreen();
      typing = type(screen);
      typing.catch(() => {}); // Whatever it is, the session ends as well.
    }
    for await (const line of connection) {
      // The server should have cleaned what it sends; this terminal does not rely on it.
      for (const each of session.hear(cleanText(line))) show(screen, each);
    }
    if (left || session.isOver || !session.hasEntered) return;
    throw new BrokenError("reset", "the server ended the connection");
  });

  async function type({ typed }: Screen): Promise<void> {
    for await (const line of typed) {
      if (line.trim() === "/quit") break;
      const text = cleanText(line);
      await link.connected();
      session.sent(text);
      // Where it is lost, the session tells.
      await connection?.send(text).catch(() => {});
    }
    left = true;
    // The server sends what is under way, and ends its side.
    if (link.state === "connected") {
      await (await link.connected()).closeWrite();
    } else await link.close();
  }

  const outcome = await link.ended;
  screen?.close();
  if (outcome.endedBy === "error") throw outcome.error;
  if (!left) stop("the server ended the connection");
  await typing;
});

/** A line, with the time of day if that was asked for. */
function show(screen: Screen, { text, at }: Shown): void {
  if (!switches.times) return screen.show(text);
  const time = new Date(at).toTimeString().slice(0, 5);
  screen.show(`${time} ${text}`);
}
