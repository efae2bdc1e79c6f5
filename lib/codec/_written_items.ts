/**
 * How many values of arrays the packet that is being encoded has so far: those of arrays
 * inside others count together, as decoding counts them.
 *
 * @module
 */

let written = 0;

/** How many there are. */
export function writtenItems(): number {
  return written;
}

/** Counts `count` more. */
export function addWrittenItems(count: number): void {
  written += count;
}

/**
 * Goes back to what {@linkcode writtenItems} said when a packet began: its values are none
 * of the packet in a getter of which it was encoded.
 */
export function resetWrittenItems(before: number): void {
  written = before;
}
