import { framed, lines, type Socket } from "@sluice/net";

/** Sends all texts as lines to an echo server, and returns what comes back, in order. */
export async function echoAll(
  socket: Socket,
  texts: string[],
): Promise<string[]> {
  const connection = framed(socket, lines());
  // Your turn: with many texts, this stops for ever.
  for (const text of texts) await connection.send(text);
  await socket.closeWrite();
  return await Array.fromAsync(connection);
}
