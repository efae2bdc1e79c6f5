/**
 * Blocks of memory for outgoing bytes, used again once they are sent.
 *
 * A connection holds a block only while it has something to send, so ten
 * thousand idle ones hold none, and a busy one allocates nothing.
 *
 * @module
 */

/** A block and a view of it. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The first block of an idle connection: a few small messages. */
export const SMALL_BLOCK_BYTES = 4 * 1024;
/** A busy connection's block: larger writes gain nothing. */
export const LARGE_BLOCK_BYTES = 64 * 1024;

/** Free blocks kept of each size: 4.25 MiB at most. */
const KEPT_BLOCKS = 64;
const small: Block[] = [];
const large: Block[] = [];

function allocate(size: number): Block {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** A block of at least `size` bytes, with old bytes in it. */
export function acquireBlock(size: number): Block {
  if (size <= SMALL_BLOCK_BYTES) {
    return small.pop() ?? allocate(SMALL_BLOCK_BYTES);
  }
  if (size <= LARGE_BLOCK_BYTES) {
    return large.pop() ?? allocate(LARGE_BLOCK_BYTES);
  }
  return allocate(size);
}

/** Gives a block back. Neither it nor a view of it may be used any more. */
export function releaseBlock(block: Block): void {
  const size = block.bytes.length;
  const pool = size === SMALL_BLOCK_BYTES
    ? small
    : size === LARGE_BLOCK_BYTES
    ? large
    : undefined;
  if (pool !== undefined && pool.length < KEPT_BLOCKS) pool.push(block);
}
