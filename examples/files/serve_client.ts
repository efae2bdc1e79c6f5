/**
 * What the server does with one client.
 *
 * @module
 */

import type { Socket } from "@sluice/net";
import type { Folder } from "./folder.ts";
import { type Message, Refusal } from "./messages.ts";
import { PartFile } from "./part_file.ts";
import { Peer } from "./peer.ts";
import { receiveFile, sendFile } from "./transfer.ts";

/** Hears of what was done. */
export type OnDone = (what: string) => void;

/**
 * Serves a client until it leaves. A client that asks for something impossible is told
 * why, and has to connect anew.
 */
export async function serveClient(
  socket: Socket,
  folder: Folder,
  { signal, onDone }: { signal: AbortSignal; onDone: OnDone },
): Promise<void> {
  const peer = new Peer(socket);
  let busy = false;
  const onDrain = () => {
    if (!busy) socket.closeWrite();
  };
  signal.addEventListener("abort", onDrain);
  try {
    while (!signal.aborted) {
      const request = await peer.receive();
      if (request === null) return;
      busy = true;
      await answer(peer, folder, { request, onDone });
      busy = false;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await peer.send({ type: "refused", reason: error.message });
    onDone(`refused: ${error.message}`);
  } finally {
    signal.removeEventListener("abort", onDrain);
  }
}

async function answer(
  peer: Peer,
  folder: Folder,
  { request, onDone }: { request: Message; onDone: OnDone },
): Promise<void> {
  switch (request.type) {
    case "put": {
      await using part = await PartFile.open(folder, request.path);
      const sha256 = await receiveFile(peer, part);
      return onDone(`got ${request.path} ${sha256}`);
    }
    case "get": {
      using file = await Deno.open(await folder.find(request.path));
      const sha256 = await sendFile(peer, file);
      return onDone(`gave ${request.path} ${sha256}`);
    }
    case "list": {
      let files = 0;
      for await (const { path, size } of folder.entries(request.path)) {
        await peer.send({ type: "entry", path, size: BigInt(size) });
        files++;
      }
      return await peer.send({ type: "end", files: BigInt(files) });
    }
    default:
      throw new Refusal(`a request cannot be '${request.type}'`);
  }
}
