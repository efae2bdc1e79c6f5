/**
 * What a page and a server say to each other, for both.
 *
 * @module
 */

import {
  array,
  type Codec,
  enumOf,
  f64,
  lengthPrefixed,
  packets,
  struct,
  u16,
  u32,
  u8,
  union,
  utf8,
} from "../../lib/codec/mod.ts";

const packet = union({ type: enumOf(u8, { add: 1, sum: 2 }) }, {
  add: struct({
    id: u32,
    points: array(struct({ x: f64, y: f64 }), u16),
  }),
  sum: struct({ id: u32, x: f64, y: f64, note: utf8(u8) }),
});

/** What {@linkcode POINTS} carries. */
export type Points =
  | { type: "add"; id: number; points: { x: number; y: number }[] }
  | { type: "sum"; id: number; x: number; y: number; note: string };

/** Points to be added up, and what comes of it. */
export const POINTS: Codec<Points> = packets(packet, lengthPrefixed());
