/**
 * All that commands work on.
 *
 * @module
 */

import { Channels } from "./channels.ts";
import { ClientMemory } from "./client_memory.ts";
import { Keyspace } from "./keyspace.ts";
import { Outbox } from "./outbox.ts";
import { Password } from "./password.ts";
import { Turns } from "./turns.ts";

/** A reply that is being sent, a piece at a time. */
export interface LongReply {
  /** Counts anew what of it is in no key any more. */
  recount(): void;
}

/** What a database is made with. */
export interface DatabaseOptions {
  /** Most memory for the data, in bytes. */
  maxBytes: number;
  /** Most memory that all clients may hold beside it, in bytes. */
  maxClientBytes: number;
  /** What clients must say before all else; nothing by default. */
  password?: string;
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
  /** Undefined where clients need none. */
  readonly password: Password | undefined;
  #clients = 0;
  #work = 0;
  #fresh = 0;

  /** Makes an empty database. */
  constructor({ maxBytes, maxClientBytes, password }: DatabaseOptions) {
    this.keyspace = new Keyspace(maxBytes);
    this.memory = new ClientMemory(maxClientBytes);
    this.channels = new Channels(this.memory);
    if (password !== undefined) this.password = new Password(password);
  }

  /** A number for a client, which no other one has had. */
  nextId(): number {
    return ++this.#clients;
  }

  /** A command works on many keys or clients. */
  addWork(count: number): void {
    this.#work += count;
  }

  /** How much work there was since the last {@linkcode Database.takeWork}. */
  get work(): number {
    return this.#work;
  }

  /** How much work there was since the last call. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  /** A reply has text that is of no key. */
  addFresh(bytes: number): void {
    this.#fresh += bytes;
  }

  /** The bytes of such text since the last call. */
  takeFresh(): number {
    const fresh = this.#fresh;
    this.#fresh = 0;
    return fresh;
  }

  /** Drops what has expired and counts what clients hold; call it now and then. */
  sweep(): void {
    this.keyspace.sweep();
    for (const reply of this.longReplies) reply.recount();
  }
}
