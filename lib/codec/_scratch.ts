/**
 * Writers for what must be written before something that stands in front of it.
 *
 * Encoding is synchronous, so a few writers serve all connections. One is taken as long as
 * it is written to: a getter of a packet may send another one meanwhile.
 *
 * Only this folder imports it.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";

/** How many are kept, and how much memory each may hold on to. */
const KEPT_WRITERS = 4;
const KEPT_BYTES = 4_096;
/** From this size on, an array may be referenced instead of copied. */
const REFERENCE_BYTES = 64_096;

const idle: ByteWriter[] = [];

/** An empty writer; in the end comes {@linkcode giveBackWriter}. */
export function borrowWriter(): ByteWriter {
  return idle.pop() ?? new ByteWriter();
}

/** Forgets what was written; arrays that {@linkcode takeWritten} gave stay as they are. */
export function giveBackWriter(writer: ByteWriter): void {
  // The encoder around may have transferred what it was given, and the block with it.
  const isGone = writer.block.length === 0;
  if (writer.length > KEPT_BYTES || writer.hasReferences || isGone) {
    writer.clear();
  } else writer.truncate(0);
  if (idle.length < KEPT_WRITERS) idle.push(writer);
}

/**
 * All that was written. A small message is copied by those it is given to, so it needs no
 * array of its own. A large one may be referred to, so its memory is not used again.
 */
export function takeWritten(writer: ByteWriter): Uint8Array {
  return writer.length < REFERENCE_BYTES ? writer.peek() : writer.toBytes();
}
