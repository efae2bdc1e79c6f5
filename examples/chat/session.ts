/**
 * The client's side of a conversation that outlives its connections: what to say on a new
 * one, and what of the server's lines is for the user. Knows nothing of sockets.
 *
 * @module
 */

import { formatSession, type Marked, newKey, parseMarked } from "./marks.ts";
import { Position } from "./position.ts";

/** Lines of the user that may be on their way; of older ones nothing is known any more. */
const MAX_UNHEARD = 100;

/** A line for the user. */
export interface Shown {
  readonly text: string;
  /** When it was said, in milliseconds since 1970. */
  readonly at: number;
}

/** One user's conversation, from connection to connection. */
export class Session {
  readonly #key = newKey();
  #name: string | undefined;
  #room: string | undefined;
  #position = new Position();
  #hasEntered = false;
  /** Whether it comes back, and is not in yet. */
  #isReturning = false;
  #isOver = false;
  /** What the user said, and the server has not confirmed. */
  #unheard: string[] = [];

  /** @param where What to be called, and where to go; both can be left to the user. */
  constructor({ name, room }: { name?: string; room?: string } = {}) {
    this.#name = name;
    this.#room = room;
  }

  /** Whether it came in: then it can come back. */
  get hasEntered(): boolean {
    return this.#hasEntered;
  }

  /** Whether the server has ended it for good. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What to send first on a new connection. */
  greeting(): string[] {
    const key = this.#key;
    const name = this.#name === undefined ? [] : [this.#name];
    const room = this.#room;
    if (!this.#hasEntered || room === undefined) {
      const join = room === undefined ? [] : [`/join ${room}`];
      return [formatSession({ key }), ...name, ...join];
    }
    this.#isReturning = true;
    return [formatSession({ key, room, heard: this.#position }), ...name];
  }

  /** Notes what the user sends. */
  sent(line: string): void {
    // Without a name it is one.
    const isName = this.#name === undefined;
    if (isName || line === "" || line.startsWith("/")) return;
    this.#unheard.push(line);
    if (this.#unheard.length > MAX_UNHEARD) this.#unheard.shift();
  }

  /** What the user is shown for a line of the server. */
  hear(line: string): Shown[] {
    const marked = parseMarked(line);
    if (marked !== undefined) return this.#hearMarked(marked);
    // The user has been asked before.
    if (this.#isReturning && line.startsWith("* welcome;")) return [];
    return [now(line)];
  }

  #hearMarked(marked: Marked): Shown[] {
    switch (marked.type) {
      case "said": {
        const { publisher, sequence, line, at } = marked.remark;
        const missing = this.#position.see(publisher, sequence);
        if (missing < 0) return [];
        const shown = this.#isOwn(line) ? [] : [{ text: line, at }];
        return [...missingLines(missing), ...shown];
      }
      case "from":
        this.#position.startAt(marked.position);
        return [];
      case "upto":
        return missingLines(this.#position.reach(marked.position));
      case "at":
        return this.#hearPlace(marked);
      case "bye":
        this.#isOver = true;
        return [];
      case "back":
        return [];
    }
  }

  /** The user knows what the user said. */
  #isOwn(line: string): boolean {
    const prefix = `${this.#name}: `;
    if (!line.startsWith(prefix)) return false;
    const place = this.#unheard.indexOf(line.slice(prefix.length));
    if (place < 0) return false;
    this.#unheard.splice(0, place + 1);
    return true;
  }

  #hearPlace({ name, room, position }: Marked & { type: "at" }): Shown[] {
    this.#name = name;
    this.#room = room;
    this.#position = position;
    this.#hasEntered = true;
    if (!this.#isReturning) return [];
    this.#isReturning = false;
    // It may have been said all the same, to some: the user decides.
    const unheard = this.#unheard.splice(0);
    return unheard.map((line) => now(`* perhaps not said: ${line}`));
  }
}

function missingLines(count: number): Shown[] {
  return count > 0 ? [now(`* ${count} lines are missing here`)] : [];
}

function now(text: string): Shown {
  return { text, at: Date.now() };
}
