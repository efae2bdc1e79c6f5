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
import type { Hub } from "@sluice/net/hub";
import { looksLikeHttp } from "../_http.ts";
import { cleanText } from "../_safe_text.ts";
import { type Chat, Refusal } from "./chat.ts";
import { obey, QUIT } from "./commands.ts";
import { FloodGuard } from "../_flood_guard.ts";
import { Listener, sessionOf } from "./listener.ts";
import { parseSession } from "./marks.ts";
import type { Member } from "./room.ts";

/** Longest line that a client may send. */
export const MAX_LINE_BYTES = 1_000;
/** A client that has given no name by then is disconnected. */
const NAME_MS = 60_000;

/** What a conversation needs to know. */
export interface ConversationOptions {
  /** Where it takes place. */
  chat: Chat;
  /** What lines are told through. */
  hub: Hub<string>;
  /** Lines a second that a client may send in the long run. */
  rate: number;
  /** Whether other servers go on when this one closes. */
  hasOthers: boolean;
  /** Ends the conversation in good order when it aborts. */
  signal: AbortSignal;
  /** Called when the client has a name. */
  onEnter: () => void;
}

/**
 * Talks with one client until it leaves, floods, or the server drains. Everything
 * that the client is told goes through the hub, so no other client waits for it.
 */
export async function converse(
  socket: Socket,
  { chat, hub, rate, hasOthers, signal, onEnter }: ConversationOptions,
): Promise<void> {
  const connection = framed(
    socket,
    lines({
      maxLineBytes: MAX_LINE_BYTES,
      oversize: "skip",
      onOversize: () => {
        // The first line of a web page's request may be as long as it likes.
        if (member === undefined) isStrange = true;
        listener.hear(`* not sent: a line has at most ${MAX_LINE_BYTES} bytes`);
      },
    }),
  );
  const listener = new Listener(hub, socket, connection);
  const hear = (line: string) => listener.hear(line);
  /** Says why the server ends it; a client that wants marks should not come back. */
  const end = (why: string, mark = "=bye") => {
    hear(`* ${why}`);
    if (listener.session !== undefined) hear(mark);
  };
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
        end("you are disconnected: you do not stop flooding");
        break;
      }
      if (verdict === "warn") {
        hear(`* not sent: at most ${rate} lines a second`);
      }
      if (verdict !== "pass") continue;
      const text = cleanText(line);
      if (member === undefined) {
        const session = parseSession(text);
        if (session !== undefined && listener.session === undefined) {
          listener.session = sessionOf(session);
          continue;
        }
        member = enter(chat, text.trim(), listener);
        if (member !== undefined) onEnter();
      } else obey(chat, member, text);
    }
  } catch (error) {
    if (signal.aborted) {
      end("the server closes; good-bye", hasOthers ? "=back" : "=bye");
    } else if (member === undefined && error instanceof TimeoutError) {
      end("you are disconnected: you did not say your name");
    } else throw error;
  } finally {
    if (member !== undefined) chat.leave(member);
  }
}

/** Lets a client in under a name, or asks for a better one. */
function enter(
  chat: Chat,
  name: string,
  listener: Listener,
): Member | undefined {
  try {
    return chat.enter(name, listener);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    listener.hear(`* ${error.message}; what is your name?`);
    return undefined;
  }
}
