/**
 * What the server does with one client.
 *
 * @module
 */

import {
  type Framed,
  framed,
  FrameTooLargeError,
  LimitError,
  MalformedFrameError,
  type Socket,
} from "@sluice/net";
import { addressOf, PendingConnections } from "../_pending_connections.ts";
import type { Message } from "./channels.ts";
import type { Command } from "./command.ts";
import { run } from "./commands.ts";
import type { Database, LongReply } from "./database.ts";
import type { Recipient } from "./outbox.ts";
import {
  countOf,
  Failure,
  piecesOf,
  type Protocol,
  type Reply,
  sizeOf,
} from "./reply.ts";
import { resp, type RespOptions } from "./resp.ts";
import type { Session } from "./session.ts";
import { Slices } from "./spec.ts";
import { Transaction } from "./transaction.ts";

/** A client that says nothing for so long has left, unless it listens to channels. */
export const IDLE_MS = 300_000;
/** A client that connects has something to say: silent ones get little time and place. */
const pending = new PendingConnections({ timeoutMs: 30_000, max: 500 });
/** Longest from the first byte of a command to its last. */
const COMMAND_MS = 60_000;
/** Messages that a subscriber has not read yet; one with more is cut off. */
const MAX_BACKLOG_BYTES = 1024 * 1024;
/** Bytes of replies that are made before what was made must be on its way. */
const PIECE_BYTES = 64 * 1024;
/** What a long reply costs: a piece that was made, one on its way, and its list. */
const LONG_REPLY_BYTES = 2 * PIECE_BYTES;
const ARGUMENT_BYTES = 48;
const ITEM_BYTES = 16;
/** Most bytes of a command of a client that has not said the password yet. */
const MAX_FIRST_BYTES = 16 * 1024;
/** Work, in small commands, after which it is the other clients' turn. */
const MAX_WORK = 1_000;

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
  const client = new Client(socket, db);
  const { connection } = client;
  // When the server drains, a client that waits for nothing is told to hang up.
  const onDrain = () => {
    if (!client.answering) socket.closeWrite();
  };
  signal.addEventListener("abort", onDrain);
  using pendingHere = pending.add(socket);
  try {
    for await (const commands of connection.batches()) {
      if (client.authenticated) pendingHere[Symbol.dispose]();
      if (await client.answer(commands) || signal.aborted) return;
    }
  } catch (error) {
    if (
      !(error instanceof MalformedFrameError ||
        error instanceof FrameTooLargeError)
    ) throw error;
    // Where the next command begins is not known: say why, and hang up.
    const why = error instanceof FrameTooLargeError
      ? `Protocol error: invalid length, a command has at most ${error.limit} bytes`
      : error.message;
    await connection.send(new Failure(`ERR ${why}`));
  } finally {
    signal.removeEventListener("abort", onDrain);
    client.leave();
  }
}

/** What a client holds, in bytes. */
interface Held {
  part: number;
  reply: number;
  transaction: number;
}

/** One client: its replies under backpressure, its messages between them. */
class Client implements Session, Recipient, LongReply {
  readonly id: number;
  readonly address: string;
  name = "";
  readonly channels = new Set<string>();
  readonly transaction = new Transaction((bytes) =>
    this.#hold("transaction", bytes)
  );
  readonly connection: Framed<Command, Reply>;
  /** Whether commands of it are being run. */
  answering = false;
  heldBytes = 0;
  readonly #socket: Socket;
  readonly #db: Database;
  /** Messages to be sent; while replies are, they must not get into one. */
  #waiting: Message[] = [];
  readonly #unread = new Set<Message>();
  #backlog = 0;
  /** How commands come and replies go. */
  readonly #speech: RespOptions;
  #authenticated = false;
  /** Held beside messages and subscriptions. */
  readonly #held: Held = { part: 0, reply: 0, transaction: 0 };
  /** The long reply that is being sent: its bytes, and those it takes at least. */
  #reply: { size: number; cost: number; since: number } | undefined;
  #work = 0;
  #gone = false;

  constructor(socket: Socket, db: Database) {
    this.#socket = socket;
    this.#db = db;
    this.id = db.nextId();
    this.address = addressOf(socket);
    this.#speech = { onPart: (bytes) => this.#hold("part", bytes) };
    this.authenticated = db.password === undefined;
    const codec = resp(this.#speech);
    this.connection = framed(socket, codec, { frameTimeoutMs: COMMAND_MS });
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  set authenticated(value: boolean) {
    this.#authenticated = value;
    this.#speech.maxCommandBytes = value ? undefined : MAX_FIRST_BYTES;
  }

  get protocol(): Protocol {
    return this.#speech.protocol ?? 2;
  }

  set protocol(value: Protocol) {
    this.#speech.protocol = value;
  }

  /**
   * Runs commands and sends their replies. Small ones leave together; none is made
   * before there is room for it.
   *
   * @returns Whether the client wants to quit.
   */
  async answer(commands: Command[]): Promise<boolean> {
    const { outbox } = this.#db;
    const listened = this.channels.size > 0;
    this.answering = true;
    let replies: Reply[] = [];
    let bytes = 0;
    let quit = false;
    for (let i = 0; i < commands.length && !quit; i++) {
      const command = commands[i];
      quit = isQuit(command);
      const since = this.#db.keyspace.droppedBytes;
      const outcome = run(command, this.#db, this);
      this.#work += 1 + this.#db.takeWork();
      const fresh = this.#db.takeFresh();
      const reply = outcome instanceof Slices
        ? await this.#finish(outcome)
        : outcome;
      const size = sizeOf(reply);
      if (size > PIECE_BYTES) {
        await this.connection.sendAll(replies);
        replies = [];
        bytes = 0;
        const cost = LONG_REPLY_BYTES + command.length * ARGUMENT_BYTES +
          countOf(reply) * ITEM_BYTES + fresh;
        await this.#sendLong(reply, { size, cost, since });
      } else {
        replies.push(reply);
        bytes += size;
      }
      if (bytes > PIECE_BYTES || this.#work > MAX_WORK) {
        await this.connection.sendAll(replies);
        replies = [];
        bytes = 0;
        await this.#yield();
      }
      // A publisher is no faster than its messages are handed over.
      if (outbox.emptied !== undefined) await outbox.emptied;
    }
    await this.connection.sendAll(replies);
    this.answering = false;
    if (this.#waiting.length > 0) this.#db.outbox.add(this);
    if (this.channels.size > 0 !== listened) {
      this.#socket.setTimeouts({ idleMs: listened ? IDLE_MS : Infinity });
    }
    return quit;
  }

  async #yield(): Promise<void> {
    this.#work = 0;
    await this.#db.turns.next();
  }

  /** Does a command that takes long, a part at each of its turns. */
  async #finish({ steps }: Slices): Promise<Reply> {
    while (true) {
      const { value, done } = steps.next();
      this.#hold("reply", done ? 0 : value);
      if (done) return value;
      await this.#yield();
      // It was cut off: sending says so.
      if (this.#gone) return null;
    }
  }

  async #sendLong(
    reply: Reply,
    about: { size: number; cost: number; since: number },
  ): Promise<void> {
    const { longReplies } = this.#db;
    this.#reply = about;
    longReplies.add(this);
    this.recount();
    for (const piece of piecesOf(reply, PIECE_BYTES)) {
      await this.connection.sendAll(piece);
      await this.#yield();
    }
    longReplies.delete(this);
    this.#reply = undefined;
    this.#hold("reply", 0);
  }

  /** The strings of a reply are those of the data, until others take their place. */
  recount(): void {
    if (this.#reply === undefined) return;
    const { size, cost, since } = this.#reply;
    const dropped = this.#db.keyspace.droppedBytes - since;
    this.#hold("reply", cost + Math.min(size, dropped));
  }

  #hold(what: keyof Held, bytes: number): void {
    if (this.#gone) return;
    const more = bytes - this.#held[what];
    this.#held[what] = bytes;
    if (more > 0) this.#db.memory.hold(this, more);
    else if (more < 0) this.#db.memory.release(this, -more);
  }

  push(message: Message): void {
    if (this.#gone) return;
    const { length } = message.data;
    this.#backlog += length;
    this.#unread.add(message);
    this.#db.memory.hold(this, length, message.readers++ === 0 ? length : 0);
    if (this.#gone) return;
    if (this.#backlog > MAX_BACKLOG_BYTES) {
      this.#cut(
        "maxBacklogBytes",
        MAX_BACKLOG_BYTES,
        "it subscribes to more than it reads",
      );
      return;
    }
    this.#waiting.push(message);
    if (!this.answering) this.#db.outbox.add(this);
  }

  deliver(): number {
    if (this.answering) return 0; // They follow its replies.
    let bytes = 0;
    const messages = this.#waiting;
    this.#waiting = [];
    for (const message of messages) {
      this.#send(message);
      bytes += message.data.length;
    }
    return bytes;
  }

  #send(message: Message): void {
    this.connection.send(message).then(
      () => this.#read(message),
      () => {}, // It has left; its own loop ends for the same reason.
    );
  }

  #read(message: Message): void {
    if (!this.#unread.delete(message)) return;
    const { length } = message.data;
    this.#backlog -= length;
    this.#db.memory.release(this, length, --message.readers === 0 ? length : 0);
  }

  evict(): void {
    this.#db.evictedClients++;
    this.#cut(
      "--clients",
      this.#db.memory.maxBytes,
      "all clients together hold too much, and it holds the most",
    );
  }

  #cut(option: string, limit: number, why: string): void {
    this.#socket.abort(new LimitError(option, limit, why));
    this.leave();
  }

  /** Gives back all that it holds. */
  leave(): void {
    // Also again: one command may go on subscribing after it was cut off.
    this.#db.channels.leave(this);
    if (this.#gone) return;
    this.#gone = true;
    this.#waiting = [];
    for (const message of this.#unread) this.#read(message);
    this.#db.longReplies.delete(this);
    const { part, reply, transaction } = this.#held;
    this.#db.memory.release(this, part + reply + transaction);
  }
}

function isQuit([name]: Command): boolean {
  return name.length === 4 && name.toUpperCase() === "QUIT";
}
