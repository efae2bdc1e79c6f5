/**
 * What the server does with one client.
 *
 * @module
 */

import {
  type Framed,
  framed,
  FrameTooLargeError,
  MalformedFrameError,
  type Socket,
} from "@sluice/net";
import type { Subscriber } from "./channels.ts";
import { type Database, run } from "./commands.ts";
import { type Command, Failure, type Reply, resp } from "./resp.ts";

/** A client that says nothing for so long has left, unless it listens to channels. */
export const IDLE_MS = 300_000;
/** Messages that a subscriber has not read yet; one with more is cut off. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

const codec = resp();

/**
 * Serves one client, from its first command to its last.
 *
 * @param signal Aborts when the server drains.
 */
export async function converse(
  socket: Socket,
  db: Database,
  signal: AbortSignal,
): Promise<void> {
  const connection = framed(socket, codec);
  const client = new Client(socket, connection);
  let answering = false;
  let listening = false;
  // When the server drains, who is waiting for nothing is told to hang up.
  const onDrain = () => {
    if (!answering) socket.closeWrite();
  };
  signal.addEventListener("abort", onDrain);
  try {
    // All commands that one read brought are answered with one write.
    for await (const commands of connection.batches()) {
      const end = commands.findIndex(isQuit);
      if (end >= 0) commands.length = end + 1;
      answering = true;
      await connection.sendAll(
        commands.map((command) => run(command, db, client)),
      );
      answering = false;
      if (end >= 0 || signal.aborted) return;
      if (client.channels.size > 0 !== listening) {
        listening = !listening;
        socket.setTimeouts({ idleMs: listening ? Infinity : IDLE_MS });
      }
    }
  } catch (error) {
    if (
      !(error instanceof MalformedFrameError ||
        error instanceof FrameTooLargeError)
    ) throw error;
    // Nobody knows where the next command begins: say why, and hang up.
    await connection.send(new Failure(`ERR ${error.message}`));
  } finally {
    signal.removeEventListener("abort", onDrain);
    db.channels.leave(client);
  }
}

function isQuit([name]: Command): boolean {
  return name.length === 4 && name.toUpperCase() === "QUIT";
}

/** A client as a subscriber: it gets what it can read, or is cut off. */
class Client implements Subscriber {
  readonly channels = new Set<string>();
  #backlog = 0;

  constructor(
    readonly socket: Socket,
    readonly connection: Framed<Command, Reply>,
  ) {}

  push(message: string[]): void {
    const bytes = message.reduce((sum, part) => sum + part.length, 0);
    this.#backlog += bytes;
    if (this.#backlog > MAX_BACKLOG_BYTES) {
      this.socket.abort(new Error("Its subscriber reads too slowly"));
      return;
    }
    this.connection.send(message).then(
      () => this.#backlog -= bytes,
      () => {}, // It has left; its own loop hears of it too.
    );
  }
}
