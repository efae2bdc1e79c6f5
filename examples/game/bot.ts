#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A player without a human or a screen: company for those who are alone, and a way to
 * play a whole match in a test.
 *
 * @module
 */

import {
  commandLine,
  connectFlag,
  integerFlag,
  run,
} from "../_command_line.ts";
import { print } from "../_output.ts";
import { cleanText } from "../_safe_text.ts";
import { openSession, orRefused, playerNameFlag } from "./_client.ts";
import { headingToGem } from "./bot_brain.ts";
import type { Snapshot } from "./protocol.ts";

const HELP = `
A bot that plays Gems, by the same protocol as people. Ctrl-C takes it off the field.

Usage: deno task examples game/bot [--connect ADDRESS] [--name NAME] [--matches N]
                                   [--udp]

  --connect ADDRESS  where the server is; 127.0.0.1:7100 by default
  --name NAME        what to be called: 1 to 12 letters, digits, _ and -; bot by
                     default
  --matches N        leaves after so many, 1 to 1000000; 1000000 by default
  --udp              plays over UDP, with a server that was started with it
  --help             shows this text

Examples:
  deno task examples game/bot
  deno task examples game/bot --name robot-1 --matches 3
`;

const { flags, switches } = commandLine(HELP, {
  connect: "127.0.0.1:7100",
  name: "bot",
  matches: "1000000",
}, { switches: ["udp"] });
const address = connectFlag("connect", flags.connect);
const matches = integerFlag("matches", flags.matches, { least: 1, most: 1e6 });
const name = playerNameFlag(flags.name);

await run(async () => {
  const end = new AbortController();
  let seen = 0;
  let wasOver = false;

  function onSnapshot({ phase, winner, players }: Snapshot): void {
    const isOver = phase === "over";
    if (isOver && !wasOver) {
      const best = players.find(({ id }) => id === winner);
      print(`${cleanText(best?.name ?? "a player who left")} won`);
      if (++seen >= matches) end.abort();
    }
    wasOver = isOver;
  }

  const session = await openSession(
    address,
    { name, onSnapshot },
    switches.udp,
  );
  Deno.addSignalListener("SIGINT", () => end.abort());
  const decide = () => {
    const { arena, at, gems, others } = session;
    return headingToGem(arena, at, gems, others);
  };
  await orRefused(session.play(decide, end.signal));
  Deno.exit(); // The signal listener would keep it alive.
});
