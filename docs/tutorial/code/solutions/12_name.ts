import { type Socket, SocketError } from "@sluice/net";

/** Reads the first line of a client, which is its name, or returns null. */
export async function readName(socket: Socket): Promise<string | null> {
  try {
    const name = await socket.readLine({ timeoutMs: 200, maxBytes: 64 });
    return name !== null && /^[A-Za-z0-9]{1,20}$/.test(name) ? name : null;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return null;
  }
}
