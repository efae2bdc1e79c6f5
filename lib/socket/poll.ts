/**
 * How a call looks for what it is after.
 *
 * @module
 */

/**
 * Looks at the queue of a reader and returns what it found, or `undefined` while it
 * needs more bytes. `ended` says that no more will come: then it returns something,
 * or throws.
 */
export type Poll<T> = (ended: boolean) => T | undefined;
