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
 * Goes back to what {@linkcode writtenItems} said when a packet began: its values do not
 * count for an outer packet, one of whose getters encoded it.
 */
export function resetWrittenItems(before: number): void {
  written = before;
}
