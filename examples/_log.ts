/**
 * What a server tells of its clients, on standard output and standard error.
 *
 * Clients fill a log: each that comes is a line of it. Where it cannot be written, as its
 * disk is full, or the program at the other end of a pipe has ended, `console.log` throws,
 * and one that throws in the middle of a client's turn ends that client, or all of them.
 *
 * @module
 */

/** Writes a line to the log, or does without it. */
export function log(line: string): void {
  try {
    console.log(line);
  } catch {
    // The log cannot be written, and nothing else could report that.
  }
}

/** Writes what went wrong to standard error, as `console.error` does, or does without it. */
export function complain(...what: unknown[]): void {
  try {
    console.error(...what);
  } catch {
    // Standard error cannot be written, and nothing else could report that.
  }
}
