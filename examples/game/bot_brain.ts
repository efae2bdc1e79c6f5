/**
 * A player that needs no human: it goes the shortest way to the nearest gem. Pure.
 *
 * @module
 */

import {
  type Arena,
  type Heading,
  MOVES,
  next,
  type Point,
  same,
  walk,
  WIDTH,
} from "./arena.ts";

/**
 * The first step of the shortest way to a gem; "stay" if there is none. Of equally
 * near ones it takes the one that it finds first, always in the same order.
 */
export function headingToGem(
  arena: Arena,
  from: Point,
  gems: readonly Point[],
  others: readonly Point[],
): Heading {
  const key = ({ x, y }: Point) => x + y * WIDTH;
  const seen = new Set([key(from)]);
  const ways: { at: Point; first: Heading }[] = [];
  const explore = (at: Point, first?: Heading) => {
    for (const heading of MOVES) {
      const to = walk(arena, at, heading, others);
      if (seen.has(key(to))) continue;
      seen.add(key(to));
      ways.push({ at: to, first: first ?? heading });
    }
  };
  explore(from);
  for (const { at, first } of ways) {
    if (gems.some((gem) => same(gem, at))) return first;
    explore(at, first);
  }
  return robbery(from, others);
}

/** Without a way, there is another player in it. */
function robbery(from: Point, others: readonly Point[]): Heading {
  return MOVES.find((heading) =>
    others.some((other) => same(other, next(from, heading)))
  ) ?? "stay";
}
