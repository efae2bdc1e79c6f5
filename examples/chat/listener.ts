/**
 * One connection, as those see it who have something to tell.
 *
 * All that a client gets goes through one `Hub`: its own lines by a topic that no other
 * has, those of its room by the room's. So all of it has one order and one bounded queue,
 * and nothing that is said waits for a reader.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { ClosedError, type Framed, type Socket } from "@sluice/net";
import type { Hub, Membership } from "@sluice/net/hub";
import type { SessionLine } from "./marks.ts";
import { Position } from "./position.ts";

/** What a client says of itself that comes back after a loss: see `marks.ts`. */
export interface Session {
  /** What only this client knows, as a hash. */
  readonly key: string;
  /** Where it was, and what it had heard there. */
  readonly room: string | undefined;
  readonly heard: Position;
}

/** Servers tell each other of a key without telling the key. */
export function sessionOf({ key, room, heard }: SessionLine): Session {
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return { key: hash, room, heard: heard ?? new Position() };
}

let listeners = 0;

/** A connection that lines can be told. */
export class Listener {
  /** Lines in, lines out. */
  readonly connection: Framed<string>;
  readonly #socket: Socket;
  /** Set before it comes in, by a client that wants marks. */
  session: Session | undefined;
  readonly #hub: Hub<string>;
  readonly #topic = `client ${++listeners}`;
  #room: Membership | undefined;

  /** @throws {ClosedError} The connection has ended. */
  constructor(hub: Hub<string>, socket: Socket, connection: Framed<string>) {
    this.#hub = hub;
    this.#socket = socket;
    this.connection = connection;
    hub.join(this.#topic, connection, { onDropped: this.#onDropped });
  }

  /** Tells a line. Never waits. */
  hear(line: string): void {
    this.#hub.publish(this.#topic, line);
  }

  /** Listens to a room, from now on and instead of the one before. */
  enter(topic: string): void {
    this.#room?.leave();
    // A client with marks sees by itself what is missing.
    const options = this.session === undefined
      ? { onDropped: this.#onDropped }
      : {};
    try {
      this.#room = this.#hub.join(topic, this.connection, options);
    } catch (error) {
      // It has ended, which its conversation is about to notice.
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /** Hears no room any more. */
  leave(): void {
    this.#room?.leave();
    this.#room = undefined;
  }

  /** Ends the connection: its place is taken. */
  cut(reason: string): void {
    this.#socket.abort(new Error(reason));
  }

  /** Stands where the lines would have been. */
  readonly #onDropped = (count: number): void => {
    this.connection.send(
      `* ${count} lines are missing here: you read too slowly`,
    ).catch(() => {}); // The conversation hears of it.
  };
}
