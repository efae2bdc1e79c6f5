#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The game for people, in the terminal.
 *
 * @module
 */

import { commandLine, connectFlag, run, stop } from "../_command_line.ts";
import { openSession, orRefused, playerNameFlag } from "./_client.ts";
import type { Heading } from "./arena.ts";
import { readKeys } from "./keys.ts";
import type { Session } from "./session.ts";
import { Terminal } from "./terminal.ts";

const HELP = `
Plays Gems in the terminal: arrows or wasd go, space stops, q leaves.

Usage: deno task examples game/play [--connect ADDRESS] [--name NAME] [--watch]
                                    [--udp]

  --connect ADDRESS  where the server is; 127.0.0.1:7100 by default
  --name NAME        what to be called: 1 to 12 letters, digits, _ and -; player
                     by default
  --watch            only looks on
  --udp              plays over UDP, with a server that was started with it
  --help             shows this text

Examples:
  deno task examples game/play --name ann
  deno task examples game/play --watch
`;

const { flags, switches } = commandLine(HELP, {
  connect: "127.0.0.1:7100",
  name: "player",
}, { switches: ["udp", "watch"] });
const address = connectFlag("connect", flags.connect);
const name = playerNameFlag(flags.name);
if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) {
  stop("Cannot play: this is no terminal (game/bot plays without one)");
}

/** Plays until a key or a signal ends it; the terminal is given back in any case. */
async function playHere(session: Session): Promise<void> {
  const end = new AbortController();
  let heading: Heading = "stay";
  Deno.addSignalListener("SIGINT", () => end.abort());
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => end.abort());
  }
  readKeys((wish) => {
    if (wish === "quit") end.abort();
    else heading = wish;
  });
  using terminal = new Terminal();
  await session.play(() => {
    terminal.draw(session);
    return heading;
  }, end.signal);
}

await run(async () => {
  const session = await openSession(
    address,
    { name, watch: switches.watch },
    switches.udp,
  );
  await orRefused(playHere(session));
});
Deno.exit(); // A read of the next key would keep it alive.
