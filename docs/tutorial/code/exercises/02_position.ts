import {
  type Codec,
  lengthPrefixed,
  packets,
  struct,
  u8,
} from "@sluice/net/codec";

/** Where a player is. */
export interface Position {
  player: string;
  x: number;
  y: number;
}

/**
 * On the wire: the length of the packet in two bytes, then the player's name (its length
 * in one byte, then UTF-8), then x and y, each as a signed number of two bytes.
 */
export const codec: Codec<Position> = packets(
  // Your turn: fields are missing here, and the length below has four bytes. ("as never"
  // lets TypeScript accept it unfinished: take it away.)
  struct({ x: u8, y: u8 }) as never,
  lengthPrefixed(),
);
