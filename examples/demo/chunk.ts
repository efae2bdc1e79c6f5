/**
 * The packet that carries a piece of a file.
 *
 * @module
 */

import {
  bool,
  bytes,
  type Codec,
  lengthPrefixed,
  packets,
  struct,
  u32,
} from "@sluice/net/codec";

/** A piece of a file. */
export interface Chunk {
  /** Which file of the list. */
  file: number;
  /** Whether the file ends with it. */
  last: boolean;
  /** The bytes. */
  data: Uint8Array;
}

/** Most bytes of a file in one packet. */
export const CHUNK_BYTES = 16 * 1024;

const chunk = struct({ file: u32, last: bool, data: bytes() });

/** On the wire: length (4 bytes), file (4 bytes), last (1 byte), data. */
export const chunks: Codec<Chunk> = packets(
  chunk,
  lengthPrefixed({ maxFrameBytes: 5 + CHUNK_BYTES }),
);
