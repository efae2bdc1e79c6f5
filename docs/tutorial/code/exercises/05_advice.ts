import { SocketError } from "@sluice/net";

/**
 * What a client should do about an error:
 *
 * - "try again": the server could not be reached, the connection was reset, or it took
 *   too long. In a moment it may work.
 * - "hang up": the peer sent what it should not: a frame too large, malformed, or cut off.
 * - "give permission": the program was started without the permission.
 * - "fix the program": everything else, as what is no SocketError.
 */
export function advice(error: unknown): string {
  // Your turn. Look at `error.code`, and never at the text.
  if (error instanceof SocketError) return "try again";
  return "fix the program";
}
