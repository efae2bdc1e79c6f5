/**
 * How the end of a connection is noticed while no call reads from it.
 *
 * @module
 */

import { halvesOf, isSocket } from "../socket/socket.ts";

/**
 * Calls `onEnd` when the peer of an idle socket ends its stream: a socket that is not read
 * from cannot know it. The bytes of a peer that sends something stay in the socket, and
 * the process does not wait for them. Where a connection breaks its `closed` says so.
 *
 * @returns What ends it; undefined where the value is no socket.
 */
export function watchEnd(
  value: unknown,
  onEnd: () => void,
): (() => void) | undefined {
  if (!isSocket(value)) return undefined;
  const controller = new AbortController();
  // Where its owner has done so, it stays like that.
  const { isUnreferenced } = halvesOf(value);
  if (!isUnreferenced) value.unref();
  value.peek(1, { signal: controller.signal }).then(
    ({ length }) => {
      if (length === 0 && !controller.signal.aborted) onEnd();
    },
    // It was stopped, or another task reads, or the socket has ended.
    () => {},
  );
  return () => {
    controller.abort();
    if (!isUnreferenced) value.ref();
  };
}
