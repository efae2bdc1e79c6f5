/**
 * Datagrams as an async iterator.
 *
 * @module
 */

/** What can be received from, one by one. */
export interface Source<T> {
  receive(): Promise<T | null>;
}

/** What a source receives, until it is closed. */
export function iterate<T>(source: Source<T>): AsyncIterator<T> {
  return {
    next: () => source.receive().then(resultOf),
  };
}

/** What an iterator makes of what was received. */
export function resultOf<T>(value: T | null): IteratorResult<T> {
  return value === null
    ? { done: true, value: undefined }
    : { done: false, value };
}
