/**
 * Seeing one's own moves at once, whatever the network does.
 *
 * @module
 */

import { type Arena, type Heading, type Point, same, walk } from "./arena.ts";

/** A move, and its number. */
export interface Input {
  readonly sequence: number;
  readonly heading: Heading;
}

/** What a move depends on, as far as the client knows. */
export interface World {
  readonly arena: Arena;
  readonly others: readonly Point[];
}

/** Unconfirmed moves; with more than these, the network must come back first. */
const MOST_PENDING = 64;

/**
 * Moves the client's own player by the server's rules before the server has said so.
 * When it says where the player was after move n, the moves behind n are made again
 * from there: usually this ends where the player is shown already.
 */
export class Prediction {
  /** Where the player is shown. */
  at: Point = { x: 0, y: 0 };
  /** How often the server knew better. */
  corrections = 0;
  /** Where it has been since the last move that the server has confirmed. */
  path: Point[] = [];
  #pending: Input[] = [];
  #sequence = 0;

  /** Number of the last input. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Moves at once; gives the input to send, unless too many are unconfirmed. */
  move(heading: Heading, { arena, others }: World): Input | undefined {
    if (this.#pending.length >= MOST_PENDING) return undefined;
    const input = { sequence: ++this.#sequence, heading };
    this.#pending.push(input);
    this.at = walk(arena, this.at, heading, others);
    this.path.push(this.at);
    return input;
  }

  /** The server says where the player was after the input `acked`. */
  reconcile(truth: Point, acked: number, { arena, others }: World): void {
    this.#pending = this.#pending.filter(({ sequence }) => sequence > acked);
    this.path = [];
    let at: Point = { x: truth.x, y: truth.y };
    for (const { heading } of this.#pending) {
      at = walk(arena, at, heading, others);
      this.path.push(at);
    }
    if (!same(at, this.at)) this.corrections++;
    this.at = at;
  }

  /** Inputs that were under way are lost: a connection broke, or a match is over. */
  restart(at: Point): void {
    this.#pending = [];
    this.path = [];
    this.at = { x: at.x, y: at.y };
  }
}
