/**
 * Calls of a transport whose outcome does not matter any more.
 *
 * @module
 */

/** Calls it; what it throws, or what it returns rejects with later, goes no further. */
export function quietly(call: () => unknown): void {
  try {
    const result = call();
    // An async method passes for one that returns nothing.
    if (result !== undefined) Promise.resolve(result).catch(() => {});
  } catch {
    // As below.
  }
}

/**
 * Closes what may be closed already (a second close throws in Deno), or what fails to
 * close: there is nothing more to be done about it, and the error that led here is the one
 * to report.
 */
export function closeQuietly(resource: { close(): unknown }): void {
  quietly(() => resource.close());
}
