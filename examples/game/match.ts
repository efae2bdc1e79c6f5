/**
 * The rules: the first to collect enough gems wins. Pure, without a clock, a
 * network or a screen: the same seed and the same moves make the same match.
 *
 * @module
 */

import { Arena, type Heading, next, type Point, same, walk } from "./arena.ts";
import { Random } from "./random.ts";

/** Most players; also their highest number. */
export const MOST_PLAYERS = 8;
/** Gems on the field. */
const GEMS = 6;
/** Ticks after a theft in which the victim cannot be robbed again. */
const SAFE_TICKS = 20;
/** Ticks between the end of a match and the next one. */
export const PAUSE_TICKS = 30;

/** Whether there are enough players, and none has won. */
export type Phase = "waiting" | "running" | "over";

/** A player on the field. */
export interface Player extends Point {
  /** 1 to {@linkcode MOST_PLAYERS}. */
  readonly id: number;
  readonly name: string;
  x: number;
  y: number;
  gems: number;
  /** The tick from which on it can be robbed. */
  safeUntil: number;
}

/** What a match is about. */
export interface MatchOptions {
  /** Chooses walls, gems and places of all matches. */
  seed: number;
  /** Gems to win. */
  goal: number;
  /** Players that it takes to begin. */
  least: number;
}

/** One match after the other on one field. */
export class Match {
  readonly options: MatchOptions;
  readonly players = new Map<number, Player>();
  tick = 0;
  phase: Phase = "waiting";
  /** The player that has won; 0 for none. */
  winner = 0;
  arena: Arena;
  gems: Point[] = [];
  #random: Random;
  #overAt = 0;

  /** @param options Seed, goal, least players. */
  constructor(options: MatchOptions) {
    this.options = options;
    this.arena = new Arena(options.seed);
    this.#random = new Random(options.seed);
    this.#placeGems();
  }

  /** A player comes in; `undefined` if the field is full. */
  add(name: string): Player | undefined {
    let id = 1;
    while (this.players.has(id)) id++;
    if (id > MOST_PLAYERS) return undefined;
    const player = { id, name, gems: 0, safeUntil: 0, ...this.#freeCell() };
    this.players.set(id, player);
    return player;
  }

  /** A player goes; its gems are lost. */
  remove(id: number): void {
    this.players.delete(id);
  }

  /** One step of one player; one that walks into another takes a gem from it. */
  move(id: number, heading: Heading): void {
    const player = this.players.get(id);
    if (player === undefined || this.phase !== "running") return;
    const others = [...this.players.values()].filter((each) => each !== player);
    const to = next(player, heading);
    const victim = others.find((other) => same(other, to));
    if (victim !== undefined) this.#rob(player, victim);
    const { x, y } = walk(this.arena, player, heading, others);
    Object.assign(player, { x, y });
    const gem = this.gems.findIndex((each) => same(each, player));
    if (gem >= 0) {
      this.gems.splice(gem, 1);
      player.gems++;
    }
    if (player.gems >= this.options.goal) {
      this.phase = "over";
      this.winner = id;
      this.#overAt = this.tick;
    }
  }

  #rob(robber: Player, victim: Player): void {
    if (victim.gems === 0 || this.tick < victim.safeUntil) return;
    victim.gems--;
    robber.gems++;
    victim.safeUntil = this.tick + SAFE_TICKS;
  }

  /** Time goes on by one tick. */
  advance(): void {
    this.tick++;
    if (this.phase === "waiting" && this.players.size >= this.options.least) {
      this.phase = "running";
    } else if (this.phase === "running" && this.players.size === 0) {
      this.#restart();
    } else if (
      this.phase === "over" && this.tick - this.#overAt >= PAUSE_TICKS
    ) this.#restart();
    this.#placeGems();
  }

  /** A new field; all players are somewhere else and have nothing. */
  #restart(): void {
    const seed = (this.arena.seed + 1) >>> 0;
    this.arena = new Arena(seed);
    this.#random = new Random(seed);
    this.gems = [];
    this.phase = "waiting";
    this.winner = 0;
    for (const player of this.players.values()) {
      Object.assign(player, { gems: 0, safeUntil: 0, ...this.#freeCell() });
    }
  }

  #placeGems(): void {
    while (this.gems.length < GEMS) this.gems.push(this.#freeCell());
  }

  #freeCell(): Point {
    const taken = [...this.players.values(), ...this.gems];
    return this.arena.freeCell(this.#random, taken);
  }
}
