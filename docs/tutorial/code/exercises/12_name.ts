import type { Socket } from "@sluice/net";

/**
 * Reads the first line of a client, which is its name: 1 to 20 ASCII letters and digits.
 *
 * Returns null where it is anything else, ends early, is longer than 64 bytes, or is not
 * complete within 200 milliseconds. It throws nothing.
 */
export async function readName(socket: Socket): Promise<string | null> {
  // Your turn: this one trusts its clients.
  return await socket.readLine();
}
