/**
 * The one source of random numbers that a seed repeats, for simulations and tests.
 *
 * This file imports nothing. All of `lib/` may import it.
 *
 * @module
 */

/** A source of numbers in [0, 1), as `Math.random` is. */
export type Random = () => number;

/** Makes a source whose numbers depend on `seed` alone (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Picks where to cut `length` bytes: from 1 to `length`. Every other cut is at most
 * eight bytes, as the boundaries that break parsers are close to each other.
 */
export function randomCut(length: number, random: Random): number {
  const most = random() < 0.5 ? Math.min(length, 8) : length;
  return 1 + Math.floor(random() * most);
}
