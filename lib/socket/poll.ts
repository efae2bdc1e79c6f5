/**
 * How a call looks for what it is after.
 *
 * @module
 */

/**
 * Looks at the queue of a reader and returns what it found, or `undefined` while it
 * needs more bytes. `ended` says that no more will come: then it returns something,
 * or throws.
 *
 * `subject` is what the call was started with. So what is called for each frame can
 * be one function for all, and need not be a closure for each.
 */
export type Poll<T, S = undefined> = (
  ended: boolean,
  subject: S,
) => T | undefined;
