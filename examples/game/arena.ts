/**
 * The field, and how one moves on it. Pure: the server and every client compute the
 * same from the same seed, so walls never travel.
 *
 * @module
 */

import { Random } from "./random.ts";

/** Cells of the field, with the wall around it. */
export const WIDTH = 30;
export const HEIGHT = 14;

/** A cell. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where a player goes. */
export type Heading = "stay" | "up" | "right" | "down" | "left";

const STEPS: Readonly<Record<Heading, Point>> = {
  stay: { x: 0, y: 0 },
  up: { x: 0, y: -1 },
  right: { x: 1, y: 0 },
  down: { x: 0, y: 1 },
  left: { x: -1, y: 0 },
};

/** The headings that lead somewhere, in the order in which they are tried. */
export const MOVES: readonly Heading[] = ["up", "right", "down", "left"];

/** Short walls inside of the field. */
const WALLS = 14;

/** The cell next to another. */
export function next({ x, y }: Point, heading: Heading): Point {
  const step = STEPS[heading];
  return { x: x + step.x, y: y + step.y };
}

/** Whether two points are the same cell. */
export function same(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y;
}

/** A field with walls; every cell that is free can be reached from every other. */
export class Arena {
  /** What it was made of. */
  readonly seed: number;
  readonly #walls = new Uint8Array(WIDTH * HEIGHT);

  /** @param seed The same seed, the same walls. */
  constructor(seed: number) {
    this.seed = seed;
    const random = new Random(seed);
    this.#build({ x: 0, y: 0 }, "right", WIDTH);
    this.#build({ x: 0, y: HEIGHT - 1 }, "right", WIDTH);
    this.#build({ x: 0, y: 0 }, "down", HEIGHT);
    this.#build({ x: WIDTH - 1, y: 0 }, "down", HEIGHT);
    for (let i = 0; i < WALLS; i++) {
      const before = this.#walls.slice();
      const start = { x: random.below(WIDTH), y: random.below(HEIGHT) };
      this.#build(start, MOVES[random.below(4)], 2 + random.below(4));
      // A wall that would cut something off is not built.
      if (!this.#isOnePart()) this.#walls.set(before);
    }
  }

  #build(from: Point, heading: Heading, length: number): void {
    let at = from;
    for (let i = 0; i < length; i++, at = next(at, heading)) {
      if (at.x < 0 || at.x >= WIDTH || at.y < 0 || at.y >= HEIGHT) return;
      this.#walls[at.x + at.y * WIDTH] = 1;
    }
  }

  #isOnePart(): boolean {
    const reached = new Set([this.#walls.indexOf(0)]);
    for (const cell of reached) {
      for (const step of [-WIDTH, 1, WIDTH, -1]) {
        if (this.#walls[cell + step] === 0) reached.add(cell + step);
      }
    }
    return reached.size === this.#walls.filter((wall) => wall === 0).length;
  }

  /** Whether no player can be there. */
  isWall({ x, y }: Point): boolean {
    return this.#walls[x + y * WIDTH] !== 0;
  }

  /** A free cell by chance, none of `taken`. */
  freeCell(random: Random, taken: readonly Point[]): Point {
    while (true) {
      const point = { x: random.below(WIDTH), y: random.below(HEIGHT) };
      if (!this.isWall(point) && !taken.some((each) => same(each, point))) {
        return point;
      }
    }
  }
}

/** Where a move ends: no player walks through walls or others. */
export function walk(
  arena: Arena,
  from: Point,
  heading: Heading,
  others: readonly Point[],
): Point {
  const to = next(from, heading);
  const blocked = arena.isWall(to) || others.some((other) => same(other, to));
  return blocked ? from : to;
}
