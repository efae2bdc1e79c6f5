/**
 * The server's side of one connection, from the first line to the last.
 *
 * @module
 */

import {
  Deadline,
  framed,
  lines,
  type Socket,
  TimeoutError,
} from "@sluice/net";
import { looksLikeHttp } from "../_http.ts";
import { cleanText } from "../_safe_text.ts";
import { type Chat, Refusal } from "./chat.ts";
import { obey, QUIT } from "./commands.ts";
import { FloodGuard } from "../_flood_guard.ts";
import { Outbox, type SlowPolicy } from "./outbox.ts";
import type { Member } from "./room.ts";

/** Longest line that a client may send. */
export const MAX_LINE_BYTES = 1_000;
/** Who has not said a name by then has no business here. */
const NAME_MS = 60_000;

/** What a conversation needs to know. */
export interface ConversationOptions {
  /** Where it takes place. */
  chat: Chat;
  /** Lines a second that a client may send in the long run. */
  rate: number;
  /** Lines that may wait for a slow reader. */
  mostLines: number;
  /** What happens to a reader that is slower still. */
  slow: SlowPolicy;
  /** Ends the conversation in good order when it aborts. */
  signal: AbortSignal;
  /** Hears that the client has a name. */
  onEnter: () => void;
}

/**
 * Talks with one client until it leaves, floods, or the server drains. Everything
 * that the client is told goes through its outbox, so no other client waits for it.
 */
export async function converse(
  socket: Socket,
  { chat, rate, mostLines, slow, signal, onEnter }: ConversationOptions,
): Promise<void> {
  const outbox = new Outbox((line) => connection.send(line), {
    mostLines,
    slow,
    disconnect: () => socket.abort(new Error("it read too slowly")),
  });
  const hear = (line: string) => outbox.add(line);
  const connection = framed(
    socket,
    lines({
      maxLineBytes: MAX_LINE_BYTES,
      oversize: "skip",
      onOversize: () => {
        // The first line of a web page's request may be as long as it likes.
        if (member === undefined) isStrange = true;
        hear(`* not sent: a line has at most ${MAX_LINE_BYTES} bytes`);
      },
    }),
  );
  const guard = new FloodGuard(rate);
  using deadline = Deadline.after(NAME_MS);
  let member: Member | undefined;
  let isStrange = false;

  hear("* welcome; what is your name?");
  try {
    while (true) {
      const line = await connection.receive(
        member === undefined ? { signal, deadline } : { signal },
      );
      if (line === null || line.trim() === QUIT) break;
      if (member === undefined && (isStrange || looksLikeHttp(line))) break;
      const verdict = guard.judge();
      if (verdict === "cut") {
        hear("* you are disconnected: you do not stop flooding");
        break;
      }
      if (verdict === "warn") {
        hear(`* not sent: at most ${rate} lines a second`);
      }
      if (verdict !== "pass") continue;
      const text = cleanText(line);
      if (member === undefined) {
        member = enter(chat, text.trim(), hear);
        if (member !== undefined) onEnter();
      } else obey(chat, member, text);
    }
  } catch (error) {
    if (signal.aborted) hear("* the server closes; good-bye");
    else if (member === undefined && error instanceof TimeoutError) {
      hear("* you are disconnected: you did not say your name");
    } else throw error;
  } finally {
    if (member !== undefined) chat.leave(member);
  }
  await outbox.empty();
}

/** Lets a client in under a name, or asks for a better one. */
function enter(
  chat: Chat,
  name: string,
  hear: (line: string) => void,
): Member | undefined {
  try {
    return chat.enter(name, hear);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    hear(`* ${error.message}; what is your name?`);
    return undefined;
  }
}
