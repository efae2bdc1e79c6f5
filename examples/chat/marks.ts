/**
 * What a client that comes back after a loss, and the server, tell each other beside what
 * people read.
 *
 * A client asks for marks by its first line, `/session KEY`, or `/session KEY ROOM POSITION`
 * when it comes back. From then on it also gets lines that begin with `=`, as no line for
 * people does:
 *
 * | line | what it says |
 * | --- | --- |
 * | `=said MARK TIME LINE` | this was said in the room, its own lines included |
 * | `=from POSITION` | what other servers had said before they were heard of here |
 * | `=upto POSITION` | all of this was said: what has not come by now will not come |
 * | `=at NAME ROOM POSITION` | who and where it is, and what was said there before |
 * | `=bye` | the conversation is over: it should not come back |
 * | `=back` | this server closes, and others go on: it should come back |
 *
 * A mark is a number of a server: see `position.ts`. What is missing between two of them
 * is what the client has missed, whatever the reason: it was away, it read too slowly, or
 * one server did not hear the other.
 *
 * @module
 */

import { formatMark, parseMark, Position } from "./position.ts";

/** Something that was said in a room. */
export interface Remark {
  /** The server that it was said to, by its name in this room. */
  readonly publisher: string;
  /** Its number there, from 1. */
  readonly sequence: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** Who said what: `bob: hello`. */
  readonly line: string;
}

/** `/session KEY` as a client writes it. */
export interface SessionLine {
  readonly key: string;
  readonly room?: string;
  readonly heard?: Position;
}

/** A key: only the client knows it, so no one else takes its place. */
export function newKey(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return random.toHex();
}

/** The first line of a client. */
export function formatSession({ key, room, heard }: SessionLine): string {
  return room === undefined
    ? `/session ${key}`
    : `/session ${key} ${room} ${heard ?? "-"}`;
}

const SESSION = /^\/session ([0-9a-f]{32})(?: (\S{1,100}) (\S{1,900}))?$/;

/** Reads such a line; undefined for any other one. */
export function parseSession(line: string): SessionLine | undefined {
  const [, key, room, heard] = SESSION.exec(line) ?? [];
  if (key === undefined) return undefined;
  return room === undefined
    ? { key }
    : { key, room, heard: Position.parse(heard) };
}

/** `=said`. */
export function formatSaid({ publisher, sequence, at, line }: Remark): string {
  return `=said ${formatMark(publisher, sequence)} ${at} ${line}`;
}

/** What a marked line says. */
export type Marked =
  | { readonly type: "said"; readonly remark: Remark }
  | { readonly type: "from" | "upto"; readonly position: Position }
  | {
    readonly type: "at";
    readonly name: string;
    readonly room: string;
    readonly position: Position;
  }
  | { readonly type: "bye" | "back" };

/** Reads a marked line; undefined for a line that people read, or one that is unknown. */
export function parseMarked(text: string): Marked | undefined {
  const [word, first = "", second = "", ...rest] = text.split(" ");
  switch (word) {
    case "=said": {
      const mark = parseMark(first);
      const at = Number(second);
      if (mark === undefined || !Number.isSafeInteger(at)) return undefined;
      const [publisher, sequence] = mark;
      const line = rest.join(" ");
      return { type: "said", remark: { publisher, sequence, at, line } };
    }
    case "=from":
      return { type: "from", position: Position.parse(first) };
    case "=upto":
      return { type: "upto", position: Position.parse(first) };
    case "=at": {
      const position = Position.parse(rest.join(""));
      return { type: "at", name: first, room: second, position };
    }
    case "=bye":
      return { type: "bye" };
    case "=back":
      return { type: "back" };
  }
  return undefined;
}
