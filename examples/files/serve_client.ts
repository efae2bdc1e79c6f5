/**
 * What the server does with one client.
 *
 * @module
 */

import { type Socket, SocketError } from "@sluice/net";
import { addressOf, PendingConnections } from "../_pending_connections.ts";
import type { Folder } from "./folder.ts";
import { type Message, Refusal } from "./messages.ts";
import { PartFile } from "./part_file.ts";
import { Peer } from "./peer.ts";
import { receiveFile, sendFile } from "./transfer.ts";
import type { Transfers } from "./transfers.ts";

/** Clients that have asked for nothing yet, and those that have been served before. */
const newcomers = new PendingConnections({ timeoutMs: 10_000, max: 50 });
const regulars = new PendingConnections({ timeoutMs: 60_000, max: 100 });

/** Called with what was done. */
export type OnDone = (what: string) => void;

/** What all clients of a server share. */
export interface ServeClientOptions {
  /** The folder that they may read and write. */
  folder: Folder;
  /** What is under way. */
  transfers: Transfers;
  /** Aborts when the server drains. */
  signal: AbortSignal;
  /** Called with what was done. */
  onDone: OnDone;
}

/**
 * Serves a client until it leaves. A client that asks for something impossible is told
 * why, and has to connect anew.
 */
export async function serveClient(
  socket: Socket,
  options: ServeClientOptions,
): Promise<void> {
  const { signal, transfers, onDone } = options;
  const peer = new Peer(socket);
  let pending = newcomers.add(socket);
  let busy = false;
  // A client that has nothing under way is not waited for.
  const onDrain = () => {
    if (!busy) socket.close();
  };
  signal.addEventListener("abort", onDrain);
  try {
    while (!signal.aborted) {
      const request = await peer.receive();
      pending[Symbol.dispose]();
      if (request === null) return;
      busy = true;
      {
        using _ = await transfers.begin(socket);
        await answer(peer, request, { ...options, owner: addressOf(socket) });
      }
      busy = false;
      pending = regulars.add(socket);
    }
  } catch (error) {
    if (signal.aborted && !busy) return;
    if (error instanceof SocketError) throw error;
    const known = error instanceof Refusal;
    const reason = known ? error.message : "the server cannot do it";
    await peer.send({ type: "refused", reason });
    if (!known) throw error;
    onDone(`refused: ${reason}`);
  } finally {
    pending[Symbol.dispose]();
    signal.removeEventListener("abort", onDrain);
  }
}

async function answer(
  peer: Peer,
  request: Message,
  { folder, owner, onDone }: ServeClientOptions & { owner: string },
): Promise<void> {
  switch (request.type) {
    case "offer":
    case "put": {
      const attributes = request.type === "offer" ? request : undefined;
      if (request.type === "offer") {
        const { path, size, modifiedMs, again } = request;
        const other = { size: Number(size), modifiedMs };
        if (again === 0 && await folder.hasUnchanged(path, other)) {
          return await peer.send({ type: "unchanged", size });
        }
      }
      const signal = peer.watch();
      await using part = await PartFile.open(folder, request.path, {
        owner,
        attributes,
        signal,
      });
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
      const signal = peer.watch();
      const entries = folder.entries(request.path, { signal });
      for await (const { path, size } of entries) {
        const attributes = await folder.attributes(path);
        if (attributes !== undefined) {
          await peer.send({ type: "attributes", ...attributes });
        }
        await peer.send({ type: "entry", path, size: BigInt(size) });
        files++;
      }
      return await peer.send({ type: "end", files: BigInt(files) });
    }
    default:
      throw new Refusal(`a request cannot be "${request.type}"`);
  }
}
