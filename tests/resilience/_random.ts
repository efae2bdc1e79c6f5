/**
 * Random numbers that a seed repeats.
 *
 * @module
 */

export { seededRandom } from "../time/_fake_time.ts";

/** Numbers from 0 to 1. */
export type Random = () => number;

/** The seed of the whole suite; another one tries other bad days. */
export const SEED: number = Number(Deno.env.get("SLUICE_SEED") ?? 1);
