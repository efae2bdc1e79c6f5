/**
 * A Redis client that lasts: it connects again after each loss, listens again to its
 * channels, and has connections of their own for what needs one.
 *
 * A command that was not sent when its connection was lost waits for the next one, within
 * its limits. One that was sent rejects, as the server may have done it: its caller knows
 * whether it can be repeated.
 *
 * @module
 */

import { BrokenError, LimitError, SocketError, withTimeout } from "@sluice/net";
import {
  type CallOptions,
  Pool,
  reconnect,
  type ReconnectEvent,
  type ReconnectingSession,
  type ReconnectRetryOptions,
} from "@sluice/net/client";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";
import { type Argument, type Value, valueOf, wordOf } from "./value.ts";

/** What a client needs to know. */
export interface ClientOptions extends Omit<ConnectionOptions, "onMessage"> {
  /**
   * Longest that a call waits for a connection and for its reply, in milliseconds.
   *
   * @default {Infinity}
   */
  timeoutMs?: number;
  /** How soon and how often it connects again. */
  retry?: ReconnectRetryOptions;
  /**
   * Most connections beside the one that all share; see {@linkcode RedisClient.use}.
   *
   * @default {10}
   */
  maxConnections?: number;
  /** Is told of connections and losses. Messages that came in between are lost. */
  onEvent?: (event: ReconnectEvent) => void;
}

/** Gets the messages of a channel. Must not wait. */
export type Listener = (message: string, channel: string) => void;

/** What would concern all that share a connection. */
const OWN_CONNECTION: ReadonlySet<string> = new Set(
  ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "SELECT", "AUTH", "QUIT"],
);

/** Most calls that wait for a connection; one more is an error. */
const MAX_WAITING = 100_000;

/** Attempts at a transaction whose keys others keep changing. */
const MAX_TRANSACTION_ATTEMPTS = 100;

/** See the module. */
export class RedisClient implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #limits: CallOptions | undefined;
  readonly #link: ReconnectingSession<RedisConnection, void>;
  readonly #pool: Pool<RedisConnection>;
  /** By the channel, as its messages name it. */
  readonly #listeners = new Map<string, Set<Listener>>();
  /** The one that all share, while there is one. */
  #connection: RedisConnection | undefined;
  /** The name of a command that was found good last. */
  #goodName = "";
  /** Calls that wait for a connection. */
  #waiting = 0;

  /** Makes a client, which connects at once. */
  constructor(options: ClientOptions = {}) {
    const { timeoutMs, retry, maxConnections, onEvent, ...connection } =
      options;
    this.#options = connection;
    this.#limits = timeoutMs === undefined ? undefined : { timeoutMs };
    this.#link = reconnect({
      open: ({ signal }) => this.#open(signal),
      ...(retry === undefined ? {} : { retry }),
      ...(onEvent === undefined ? {} : { onEvent }),
    }, (connection, { signal }) => this.#last(connection, signal));
    this.#pool = new Pool({
      open: ({ signal }) => RedisConnection.open(this.#options, { signal }),
      ...(maxConnections === undefined ? {} : { max: maxConnections }),
      check: async (connection) => await connection.command("PING") === "PONG",
    });
  }

  /** Makes the connection that all share, which listens to all channels already. */
  async #open(signal: AbortSignal): Promise<RedisConnection> {
    const connection = await RedisConnection.open({
      ...this.#options,
      onMessage: (channel, message) => this.#tell(channel, message),
    }, { signal });
    try {
      for (const channel of this.#listeners.keys()) {
        await connection.subscribe(this.#wordOf(channel), { signal });
      }
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Lasts as long as the connection. */
  async #last(
    connection: RedisConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const close = () => void connection.close().catch(() => {});
    signal.addEventListener("abort", close);
    this.#connection = connection;
    await connection.closed.catch(() => {});
    this.#connection = undefined;
    signal.removeEventListener("abort", close);
    throw new BrokenError("ended", "Cannot go on: the Redis connection ended");
  }

  #tell(channel: string, message: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) {
      try {
        listener(message, channel);
      } catch (error) {
        // One that throws takes nothing from the others.
        reportError(error);
      }
    }
  }

  /** The bytes of a channel, whose name is as its messages have it. */
  #wordOf(channel: string): string {
    return this.#options.encoding === "latin1" ? channel : wordOf(channel);
  }

  /**
   * Says a command, and gives the value of its reply. What is said in one turn of the event
   * loop leaves in one write.
   *
   * @throws {RedisError} The server refuses it, or does not let this client in.
   * @throws {SocketError} There is no connection in time, or it was lost; see `sent`.
   * @throws {LimitError} More than 100,000 calls would wait.
   * @throws {TypeError} It needs a connection of its own; or an argument is none.
   */
  command(...words: Argument[]): Promise<Value> {
    return this.say(words);
  }

  /**
   * The same with limits of this call, which may be cut off: its reply is dropped when it
   * comes.
   */
  async say(
    words: readonly Argument[],
    limits: CallOptions | undefined = this.#limits,
  ): Promise<Value> {
    const command: string[] = [];
    for (const word of words) command.push(wordOf(word));
    if (command[0] !== this.#goodName) this.#check(command[0]);
    const since = limits?.timeoutMs === undefined ? 0 : performance.now();
    const connection = this.#connection;
    if (connection !== undefined) {
      try {
        return valueOf(await connection.ask(command, limits));
      } catch (error) {
        if (!wasLost(error)) throw error;
      }
    }
    return valueOf(
      await this.#later(
        (connection, limits) => connection.ask(command, limits),
        limits,
        since,
      ),
    );
  }

  #check(name: string): void {
    if (OWN_CONNECTION.has(name.toUpperCase())) {
      throw new TypeError(
        `Cannot say ${name} on a connection that others share: ` +
          "exec(), transaction() and use() are for that",
      );
    }
    this.#goodName = name;
  }

  /** Does something on the connection that all share, or on the next one. */
  async #later<T>(
    task: (connection: RedisConnection, limits?: CallOptions) => Promise<T>,
    limits: CallOptions | undefined,
    since = performance.now(),
  ): Promise<T> {
    const left = () => timeLeft(limits, since);
    while (true) {
      const connection = await this.#connected(left());
      try {
        return await task(connection, left());
      } catch (error) {
        if (!wasLost(error)) throw error;
      }
      const { timeoutMs = Infinity, ...others } = left() ?? {};
      await withTimeout(timeoutMs, () => connection.closed, others);
      // Its session ends now, and the next one can begin.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async #connected(limits: CallOptions | undefined): Promise<RedisConnection> {
    if (this.#waiting >= MAX_WAITING) {
      throw new LimitError(
        "maxWaiting",
        MAX_WAITING,
        `Cannot say a command: more than ${MAX_WAITING} calls would wait for a connection`,
        { operation: "request", sent: false },
      );
    }
    this.#waiting++;
    try {
      return await this.#link.connected(limits);
    } finally {
      this.#waiting--;
    }
  }

  /** The value of a key, or `null`. As {@linkcode RedisClient.command}. */
  get(key: Argument): Promise<string | null> {
    return this.say(["GET", key]) as Promise<string | null>;
  }

  /** Sets a key. As {@linkcode RedisClient.command}. */
  async set(key: Argument, value: Argument): Promise<void> {
    await this.say(["SET", key, value]);
  }

  /**
   * Does commands in a transaction, with no other client's between them: all, or none.
   *
   * @returns The values, errors of single commands among them.
   * @throws {RedisError} The server refuses one, and has done none.
   * @throws As {@linkcode RedisClient.command}.
   */
  async exec(
    commands: readonly (readonly Argument[])[],
    limits: CallOptions | undefined = this.#limits,
  ): Promise<Value[]> {
    const values = await this.#later(
      (connection, limits) => connection.exec(commands, limits),
      limits,
    );
    // Nothing is watched on a connection that all share.
    return values!;
  }

  /**
   * Does commands that depend on what is there, in a transaction that begins anew where
   * another client has changed that meanwhile.
   *
   * @param keys What must not change.
   * @param plan Reads, on a connection of its own, and says what to do.
   * @param limits Of all of it.
   * @throws {RedisError} The server refuses.
   * @throws {Error} Others have changed the keys a hundred times.
   * @throws As {@linkcode RedisClient.use}.
   */
  transaction(
    keys: readonly [Argument, ...Argument[]],
    plan: (
      connection: RedisConnection,
    ) => Promise<readonly (readonly Argument[])[]>,
    limits: CallOptions | undefined = this.#limits,
  ): Promise<Value[]> {
    const since = performance.now();
    return this.use(async (connection) => {
      for (let attempt = 0; attempt < MAX_TRANSACTION_ATTEMPTS; attempt++) {
        const left = timeLeft(limits, since);
        valueOf(await connection.ask(["WATCH", ...keys.map(wordOf)], left));
        const commands = await plan(connection);
        const values = await connection.exec(
          commands,
          timeLeft(limits, since),
        );
        if (values !== null) return values;
      }
      throw new Error(
        `Cannot do the transaction: its keys have changed ${MAX_TRANSACTION_ATTEMPTS} times`,
      );
    }, limits);
  }

  /**
   * Gives a connection of its own to a task: for `WATCH`, and for commands that wait, such
   * as `BLPOP`. If the task throws, the connection is closed.
   *
   * @param limits Of the wait for a connection.
   * @throws As `Pool.use`.
   */
  use<R>(
    task: (connection: RedisConnection) => Promise<R>,
    limits: CallOptions | undefined = this.#limits,
  ): Promise<R> {
    return this.#pool.use(task, limits);
  }

  /**
   * Listens to a channel, also after the connection was made anew.
   *
   * @returns What ends it when it is disposed of.
   * @throws {RedisError} The server refuses.
   * @throws As {@linkcode RedisClient.command}.
   */
  async subscribe(
    channel: string,
    listener: Listener,
    limits: CallOptions | undefined = this.#limits,
  ): Promise<AsyncDisposable> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const word = this.#wordOf(channel);
    const forget = () => {
      listeners.delete(listener);
      if (listeners.size > 0) return false;
      return this.#listeners.delete(channel);
    };
    try {
      await this.#listen(word, limits);
    } catch (error) {
      forget();
      throw error;
    }
    return {
      [Symbol.asyncDispose]: async () => {
        if (!forget()) return;
        try {
          await this.#connection?.unsubscribe(word, this.#limits);
        } catch (error) {
          // The next connection does not listen to it.
          if (!(error instanceof SocketError)) throw error;
        }
      },
    };
  }

  async #listen(word: string, limits: CallOptions | undefined): Promise<void> {
    try {
      await this.#later(
        (connection, limits) => connection.subscribe(word, limits),
        limits,
      );
    } catch (error) {
      // Where it was lost, the next connection listens from its beginning on.
      if (!(error instanceof BrokenError)) throw error;
      await this.connected(limits);
    }
  }

  /** Waits until it is connected. */
  async connected(
    limits: CallOptions | undefined = this.#limits,
  ): Promise<void> {
    await this.#link.connected(limits);
  }

  /** Ends all connections, when what is due on them has come. */
  async close(limits?: CallOptions): Promise<void> {
    await Promise.all([this.#link.close(limits), this.#pool.close(limits)]);
  }

  /** Ends it, as {@linkcode RedisClient.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What is left of the limits of a call that began at a time. */
function timeLeft(
  limits: CallOptions | undefined,
  since: number,
): CallOptions | undefined {
  if (limits?.timeoutMs === undefined) return limits;
  const passedMs = performance.now() - since;
  return { ...limits, timeoutMs: Math.max(1, limits.timeoutMs - passedMs) };
}

/** Whether a command was lost with its connection before it was sent. */
function wasLost(error: unknown): boolean {
  return error instanceof SocketError && error.sent === false &&
    (error.code === "broken" || error.code === "closed");
}
