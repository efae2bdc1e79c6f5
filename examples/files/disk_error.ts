/**
 * What a disk says, in words that a person can do something about.
 *
 * @module
 */

import { Refusal } from "./messages.ts";

/** What a file system says when it has no room left. */
const FULL = ["ENOSPC", "EDQUOT", "EFBIG"];

/** A refusal that says what to do; other errors as they are. */
export function explained(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: string };
  if (code !== undefined && FULL.includes(code)) {
    return new Refusal(
      "the disk is full; what has come is kept: make room and send it again",
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new Refusal("the folder cannot be written to");
  }
  return error;
}
