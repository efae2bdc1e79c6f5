/**
 * What a line says: something for the room, or a command.
 *
 * @module
 */

import { skeleton } from "../_lookalikes.ts";
import { type Chat, Refusal } from "./chat.ts";
import type { Member } from "./room.ts";

interface Command {
  /** What to type behind its name. */
  readonly operands: string;
  readonly help: string;
  /** What it does with what stands behind its name. */
  run(chat: Chat, member: Member, operands: string): void;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  "/name": {
    operands: "NAME",
    help: "changes your name",
    run: (chat, member, name) => chat.rename(member, name),
  },
  "/join": {
    operands: "ROOM",
    help: "takes you to another room, which is opened if need be",
    run: (chat, member, room) => chat.join(member, room),
  },
  "/msg": {
    operands: "NAME TEXT",
    help: "tells one person alone",
    run: (chat, member, operands) => {
      const [name, text] = splitOnce(operands);
      if (text === "") throw new Refusal("type /msg NAME TEXT");
      chat.tell(member, name, text);
    },
  },
  "/who": {
    operands: "",
    help: "lists the members of the room",
    run: (chat, member) => hear(member, `* ${chat.who(member)}`),
  },
  "/rooms": {
    operands: "",
    help: "lists the rooms",
    run: (chat, member) => hear(member, `* ${chat.rooms()}`),
  },
  "/help": {
    operands: "",
    help: "shows this list",
    run: (_chat, member) => {
      for (const [name, { operands, help }] of Object.entries(COMMANDS)) {
        hear(member, `* ${`${name} ${operands}`.padEnd(16)}  ${help}`);
      }
      hear(member, `* ${QUIT.padEnd(16)}  leaves`);
      hear(member, "* anything else goes to all in the room");
    },
  },
};

/** Only members of this server give commands. */
function hear({ listener }: Member, line: string): void {
  listener?.hear(line);
}

/** Ends the conversation. */
export const QUIT = "/quit";

/** Does what a line says. The line is clean: see `cleanText`. */
export function obey(chat: Chat, member: Member, line: string): void {
  if (line === "") return;
  if (!isCommand(line)) {
    chat.say(member, line);
    return;
  }
  const [name, operands] = splitOnce(line);
  try {
    if (!line.startsWith("/")) {
      throw new Refusal("not sent: a command begins with / and nothing else");
    }
    if (!Object.hasOwn(COMMANDS, name)) {
      throw new Refusal(`there is no ${name}; /help lists what there is`);
    }
    COMMANDS[name].run(chat, member, operands);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    hear(member, `* ${error.message}`);
  }
}

/** `> /msg bob …`, `\msg bob …`, and what is left of an arrow key that `nc` has sent. */
const MISTYPED = /^.{0,8}[^\p{L}\p{N}\s]msg\s/iu;

/**
 * Whether a line is a command, or was meant to be one: `  /msg bob …` and `／msg bob …`
 * are for bob, and not for the room.
 */
function isCommand(line: string): boolean {
  if (MISTYPED.test(line)) return true;
  const start = line.replace(
    /^[\s\u2800\p{Default_Ignorable_Code_Point}]+/u,
    "",
  );
  // Some letters look like a slash, and begin words.
  return /^\P{L}/u.test(start) &&
    skeleton(start.slice(0, 2).normalize("NFKC")).startsWith("/");
}

/** The first word, and what comes behind it. */
function splitOnce(text: string): [string, string] {
  const end = text.search(/ |$/);
  return [text.slice(0, end), text.slice(end).trim()];
}
