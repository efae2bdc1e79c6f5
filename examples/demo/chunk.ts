/**
 * The packet that carries a piece of a file.
 *
 * @module
 */

import { type Codec, lengthPrefixed, mapped } from "@sluice/net/codec";

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

const HEADER_BYTES = 5;

/** On the wire: length (4 bytes), file (4 bytes), last (1 byte), data. */
export const chunks: Codec<Chunk> = mapped(
  lengthPrefixed({ maxFrameBytes: HEADER_BYTES + CHUNK_BYTES }),
  (frame): Chunk => {
    const header = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES);
    return {
      file: header.getUint32(0),
      last: header.getUint8(4) === 1,
      data: frame.subarray(HEADER_BYTES),
    };
  },
  ({ file, last, data }: Chunk): Uint8Array => {
    const frame = new Uint8Array(HEADER_BYTES + data.length);
    const header = new DataView(frame.buffer);
    header.setUint32(0, file);
    header.setUint8(4, last ? 1 : 0);
    frame.set(data, HEADER_BYTES);
    return frame;
  },
);
