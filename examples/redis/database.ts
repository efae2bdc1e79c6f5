/**
 * All that commands work on.
 *
 * @module
 */

import { Channels } from "./channels.ts";
import { ClientMemory } from "./client_memory.ts";
import { Keyspace } from "./keyspace.ts";
import { Outbox } from "./outbox.ts";
import { Turns } from "./turns.ts";

/** A reply that is being sent, a piece at a time. */
export interface LongReply {
  /** Counts anew what of it is in no key any more. */
  recount(): void;
}

/** The data, the channels, and what the clients hold beside them. */
export class Database {
  readonly keyspace: Keyspace;
  readonly memory: ClientMemory;
  readonly channels: Channels;
  readonly outbox: Outbox = new Outbox();
  readonly turns: Turns = new Turns();
  readonly longReplies: Set<LongReply> = new Set();
  /** Clients that were cut off for what they hold. */
  evictedClients = 0;
  #work = 0;

  /**
   * Makes an empty database.
   *
   * @param maxBytes Most memory for the data.
   * @param maxClientBytes Most memory that all clients may hold beside it.
   */
  constructor(maxBytes: number, maxClientBytes: number) {
    this.keyspace = new Keyspace(maxBytes);
    this.memory = new ClientMemory(maxClientBytes);
    this.channels = new Channels(this.memory);
  }

  /** A command works on many keys or clients. */
  addWork(count: number): void {
    this.#work += count;
  }

  /** How much work there was since the last call. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  /** Drops what has expired and counts what clients hold; call it now and then. */
  sweep(): void {
    this.keyspace.sweep();
    for (const reply of this.longReplies) reply.recount();
  }
}
