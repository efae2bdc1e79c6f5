import {
  type Codec,
  i16,
  lengthPrefixed,
  packets,
  struct,
  u8,
  utf8,
} from "@sluice/net/codec";

/** Where a player is. */
export interface Position {
  player: string;
  x: number;
  y: number;
}

/** A position in at most 260 bytes. */
export const codec: Codec<Position> = packets(
  struct({ player: utf8(u8), x: i16, y: i16 }),
  lengthPrefixed({ lengthBytes: 2 }),
);
