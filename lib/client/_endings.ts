/**
 * How a connection ends, whatever it is: what a pool or a session was given may be a socket
 * or anything else that can be disposed of.
 *
 * @module
 */

/** What may be known of a connection. */
interface Known {
  closed?: unknown;
  [Symbol.asyncDispose]?: () => PromiseLike<void>;
  [Symbol.dispose]?: () => void;
}

/** What settles when it has ended, if it has such a promise. */
export function closedOf(value: unknown): PromiseLike<unknown> | undefined {
  const closed = (value as Known | null | undefined)?.closed;
  return closed instanceof Promise ? closed : undefined;
}

/** Ends it gracefully, where it can do that. */
export function closeOf(value: unknown): unknown {
  const known = value as Known | null | undefined;
  return known?.[Symbol.asyncDispose] !== undefined
    ? known[Symbol.asyncDispose]!()
    : known?.[Symbol.dispose]?.();
}

/** Ends it at once, where it can do that. */
export function cutOf(value: unknown): unknown {
  const known = value as Known | null | undefined;
  return known?.[Symbol.dispose] !== undefined
    ? known[Symbol.dispose]!()
    : closeOf(value);
}
