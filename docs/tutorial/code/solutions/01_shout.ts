import type { Socket } from "@sluice/net";

/** Answers every line of a client with the same line in upper case. */
export async function shout(socket: Socket): Promise<void> {
  while (true) {
    const line = await socket.readLine();
    if (line === null) return;
    await socket.write(`${line.toUpperCase()}\n`);
  }
}
