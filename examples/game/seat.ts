/**
 * A player's place on the server, which outlives its connection.
 *
 * @module
 */

import type { Heading } from "./arena.ts";
import type { Input } from "./prediction.ts";

/** Inputs that wait; of more, the oldest are dropped. */
const MOST_WAITING = 16;
/**
 * Moves that may be made up for in one tick after the network held them back. Without
 * credit, lag would last for ever; with more, it would pay to fake it.
 */
const MOST_CREDIT = 4;

/** A seat: who it belongs to, and what was asked of it. */
export class Seat {
  readonly id: number;
  readonly name: string;
  /** The IP address that its owner came from; undefined where there is none. */
  readonly address: string | undefined;
  /** What its owner shows to get it back; it cannot be guessed. */
  readonly token: Uint8Array<ArrayBuffer> = crypto.getRandomValues(
    new Uint8Array(16),
  );
  /** Sequence of the last input that was used. */
  acked = 0;
  /** The tick at which its connection was lost; `Infinity` while there is one. */
  lostAt = Infinity;
  #waiting: Input[] = [];
  #received = 0;
  #credit = 0;
  #disconnect: (() => void) | undefined;

  /**
   * @param id The player's number.
   * @param name What it is called.
   * @param address The IP address of its owner.
   */
  constructor(id: number, name: string, address?: string) {
    this.id = id;
    this.name = name;
    this.address = address;
  }

  /** Whether its owner is away. */
  get isLost(): boolean {
    return this.lostAt !== Infinity;
  }

  /** Stands for the connection that owns the seat now. */
  get current(): unknown {
    return this.#disconnect;
  }

  /** Whether a token is this seat's; takes as long for every wrong one. */
  owns(token: Uint8Array): boolean {
    let difference = token.length ^ this.token.length;
    for (let i = 0; i < this.token.length; i++) {
      difference |= (token[i] ?? 0) ^ this.token[i];
    }
    return difference === 0;
  }

  /** A connection takes the seat; one that is still there, perhaps half dead, goes. */
  take(disconnect: () => void): void {
    this.#disconnect?.();
    this.#disconnect = disconnect;
    this.lostAt = Infinity;
    this.#waiting = [];
  }

  /** The connection broke. */
  lose(tick: number): void {
    this.#disconnect = undefined;
    this.lostAt = tick;
  }

  /** An input came. Numbers only grow; what is late or sent twice is ignored. */
  add(input: Input): void {
    if (input.sequence <= this.#received) return;
    this.#received = input.sequence;
    this.#waiting.push(input);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /** The moves of this tick: one, or a few more after a delay. */
  takeMoves(): Heading[] {
    this.#credit = Math.min(MOST_CREDIT, this.#credit + 1);
    const inputs = this.#waiting.splice(0, this.#credit);
    this.#credit -= inputs.length;
    this.acked = inputs.at(-1)?.sequence ?? this.acked;
    return inputs.map(({ heading }) => heading);
  }
}
