import type { Socket } from "@sluice/net";

/**
 * Answers every line of a client with the same line in upper case, until the client
 * ends its side. `socket.readLine()` gives null then.
 */
export async function shout(socket: Socket): Promise<void> {
  // Your turn: this answers one line only, and does not shout.
  const line = await socket.readLine();
  await socket.write(`${line}\n`);
}
