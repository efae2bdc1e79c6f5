/**
 * One connection to a Redis server: logged in, pipelined, with messages beside the replies.
 *
 * It guarantees that a reply goes to the command that it answers or to none, and that no
 * other command gets between those of a transaction. When the connection ends every command
 * that waits rejects, with an error that says whether it was sent. It is not made again:
 * that is what `redis_client.ts` does.
 *
 * @module
 */

import {
  BrokenError,
  connect,
  type ConnectOptions,
  framed,
  MalformedFrameError,
  type Socket,
} from "@sluice/net";
import { type CallOptions, Requests } from "@sluice/net/client";
import { Batch, type Command } from "./command.ts";
import { NOTHING, type Protocol, Push, type Reply } from "./reply.ts";
import type { ReplyOptions } from "./reply_decoder.ts";
import { respClient } from "./resp.ts";
import {
  type Argument,
  RedisError,
  type Value,
  valueOf,
  wordOf,
} from "./value.ts";

/** Where a Redis server is, and how it is spoken to. */
export interface ConnectionOptions extends ReplyOptions {
  /** @default {"127.0.0.1"} */
  hostname?: string;
  /** @default {6379} */
  port?: number;
  /** Whether it speaks TLS, or how. */
  tls?: ConnectOptions["tls"];
  /** The user that logs in, where there is a password. */
  user?: string;
  /** The password; none by default. */
  password?: string;
  /** What the connection is called in `CLIENT LIST`; nothing by default. */
  name?: string;
  /**
   * RESP 3 has messages beside replies; a server that does not know it is spoken to in
   * RESP 2, where a connection that listens to channels can do nothing else.
   *
   * @default {3}
   */
  protocol?: Protocol;
  /**
   * Longest that the server may be silent while a reply is due, in milliseconds: longer
   * than a command that waits, such as `BLPOP`, may take.
   *
   * @default {30_000}
   */
  stallMs?: number;
  /**
   * Silence after which the server is asked whether it is still there, in milliseconds.
   *
   * @default {30_000}
   */
  heartbeatMs?: number;
  /** Gets messages of the channels that the connection listens to. */
  onMessage?: (channel: string, message: string) => void;
}

/** What would change how replies come; the connection does it itself, where it is of use. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["HELLO", "the connection was opened with it"],
  ["RESET", "the connection was opened with what it would forget"],
  ["MONITOR", "its replies have no end"],
  ["SYNC", "its replies have no end"],
  ["PSYNC", "its replies have no end"],
  ["SUBSCRIBE", "subscribe() does it"],
  ["UNSUBSCRIBE", "unsubscribe() does it"],
  ["PSUBSCRIBE", "patterns of channels are not supported"],
  ["PUNSUBSCRIBE", "patterns of channels are not supported"],
  ["SSUBSCRIBE", "channels of shards are not supported"],
  ["SUNSUBSCRIBE", "channels of shards are not supported"],
]);

/** See the module. */
export class RedisConnection implements Disposable, AsyncDisposable {
  readonly #requests: Requests<Reply, Command | Batch>;
  readonly #onMessage: ConnectionOptions["onMessage"];
  #protocol: Protocol = 3;
  /** Commands that subscribe or end that, and were not answered yet. */
  #confirmationsDue = 0;
  /** In RESP 2, whether a message may come: it looks like any other array. */
  #listensInSecond = false;
  /** The name that was found good last. */
  #goodName = "";

  private constructor(socket: Socket, options: ConnectionOptions) {
    const { maxReplyBytes, maxItems, encoding } = options;
    const codec = respClient({ maxReplyBytes, maxItems, encoding });
    const { stallMs = 30_000, heartbeatMs = 30_000, onMessage } = options;
    this.#onMessage = onMessage;
    this.#requests = new Requests(framed(socket, codec), {
      match: "order",
      isUnsolicited: (reply) => this.#isMessage(reply),
      onUnsolicited: (reply) => this.#take(reply),
      stallMs,
      heartbeat: { intervalMs: heartbeatMs, ping: () => ["PING"] },
    });
  }

  /**
   * Connects and logs in.
   *
   * @param options Where to, and as whom.
   * @param limits Whose signal gives up.
   * @throws {SocketError} It cannot be connected, or the server says nothing of use.
   * @throws {RedisError} The server refuses: the password, say.
   */
  static async open(
    options: ConnectionOptions = {},
    { signal }: Pick<CallOptions, "signal"> = {},
  ): Promise<RedisConnection> {
    const { hostname = "127.0.0.1", port = 6379, tls = false } = options;
    const socket = await connect({
      hostname,
      port,
      ...(tls === false ? {} : { tls }),
      signal,
    });
    const connection = new RedisConnection(socket, options);
    try {
      await connection.#logIn(options, signal);
      return connection;
    } catch (error) {
      socket.abort(error);
      throw error;
    }
  }

  async #logIn(
    options: ConnectionOptions,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { user = "default", password, name, protocol = 3 } = options;
    const say = async (...words: Argument[]) => {
      valueOf(await this.#requests.request(words.map(wordOf), { signal }));
    };
    this.#protocol = protocol;
    try {
      if (protocol === 3) {
        const login = password === undefined ? [] : ["AUTH", user, password];
        try {
          await say("HELLO", 3, ...login);
        } catch (error) {
          // Before Redis 6; anything else, a wrong password say, is what it is.
          if (!isUnknown(error)) throw error;
          this.#protocol = 2;
          if (password !== undefined) await say("AUTH", password);
        }
      } else if (password !== undefined) {
        const isDefault = options.user === undefined;
        await say("AUTH", ...(isDefault ? [password] : [user, password]));
      }
      if (name !== undefined) await say("CLIENT", "SETNAME", name);
    } catch (error) {
      // It will be there soon: another attempt is worth while.
      if (!(error instanceof RedisError) || error.code !== "LOADING") {
        throw error;
      }
      throw new BrokenError(
        "other",
        "Cannot log in: the server is still loading its data",
        { cause: error },
      );
    }
  }

  /** Resolves when the connection has ended, however that was. */
  get closed(): Promise<void> {
    return this.#requests.closed;
  }

  /**
   * Says a command, and gives the reply as it is; an error is one, too.
   *
   * @param command Its words, a character for each byte.
   * @throws {TypeError} It would change how replies come; there may be a method for it.
   * @throws As `Requests.request`.
   */
  ask(command: Command, limits?: CallOptions): Promise<Reply> {
    if (command[0] !== this.#goodName) {
      try {
        this.#check(command);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#requests.request(command, limits);
  }

  #check(command: Command): void {
    const [name, verb] = command.map((word) => word.toUpperCase());
    if (name === "CLIENT" && verb === "REPLY") {
      throw new TypeError(
        "Cannot say CLIENT REPLY: each command must have its reply",
      );
    }
    const why = REFUSED.get(name);
    if (why !== undefined) throw new TypeError(`Cannot say ${name}: ${why}`);
    if (name !== "CLIENT") this.#goodName = command[0];
  }

  /**
   * Listens to a channel: its messages go to `onMessage`.
   *
   * @param channel A character for each byte.
   * @throws {TypeError} In RESP 2, where replies are due: messages look like them.
   * @throws {RedisError} The server refuses.
   * @throws As `Requests.request`.
   */
  async subscribe(channel: string, limits?: CallOptions): Promise<void> {
    if (this.#protocol === 2 && this.#requests.stats.inFlight > 0) {
      throw new TypeError(
        "Cannot subscribe in RESP 2: the connection must have nothing else to do",
      );
    }
    await this.#confirm(["SUBSCRIBE", channel], limits);
  }

  /** Listens to a channel no more. As {@linkcode RedisConnection.subscribe}. */
  async unsubscribe(channel: string, limits?: CallOptions): Promise<void> {
    await this.#confirm(["UNSUBSCRIBE", channel], limits);
  }

  async #confirm(command: Command, limits?: CallOptions): Promise<void> {
    this.#confirmationsDue++;
    try {
      // For one channel there is one reply, which is a push in RESP 3.
      valueOf(await this.#requests.request(command, limits));
    } finally {
      this.#confirmationsDue--;
    }
  }

  /**
   * Says a command, and gives the value of its reply.
   *
   * @throws {RedisError} The server refuses it.
   * @throws As `Requests.request`.
   */
  async command(...words: Argument[]): Promise<Value> {
    return valueOf(await this.ask(words.map(wordOf)));
  }

  /**
   * Does commands in a transaction: all, or none.
   *
   * @returns The values, errors of single commands among them; `null` where a key that was
   * watched has changed.
   * @throws {RedisError} The server refuses one, and has done none.
   * @throws As `Requests.request`.
   */
  async exec(
    commands: readonly (readonly Argument[])[],
    limits?: CallOptions,
  ): Promise<Value[] | null> {
    const words = commands.map((each) => each.map(wordOf));
    words.forEach((command) => this.#check(command));
    let due = words.length + 2;
    // Sent as one, so that whatever becomes of the caller the server gets all of it.
    const replies = await Array.fromAsync(
      this.#requests.stream(new Batch([["MULTI"], ...words, ["EXEC"]]), {
        ...limits,
        isLast: () => --due === 0,
        maxUnread: due + 1,
      }),
    );
    const last = replies.at(-1)!;
    if (last === NOTHING) return null;
    try {
      return valueOf(last) as Value[];
    } catch (error) {
      // `EXECABORT` says nothing of what was wrong: an earlier reply does.
      replies.forEach(valueOf);
      throw error;
    }
  }

  /** Whether a reply is a message, which answers no command. */
  #isMessage(reply: Reply): boolean {
    if (reply instanceof Push) {
      return this.#confirmationsDue === 0 || !isConfirmation(reply.items);
    }
    // Arrays are messages in RESP 2 alone, and not before one was subscribed to: a value
    // that looks like one must not be taken for it.
    if (this.#protocol === 3 || !Array.isArray(reply)) return false;
    if (this.#confirmationsDue > 0 && isConfirmation(reply)) {
      this.#listensInSecond = true;
      return false;
    }
    return this.#listensInSecond && reply[0] === "message";
  }

  /** What answers no command. */
  #take(reply: Reply): void {
    if (!this.#isMessage(reply)) {
      // From here on each reply may be another command's.
      this.#requests.abort(
        new MalformedFrameError(
          "Cannot match a reply: no command waits for it",
          { operation: "receive a reply" },
        ),
      );
      return;
    }
    const [kind, channel, message] = reply instanceof Push
      ? reply.items
      : reply as Reply[];
    if (
      kind === "message" && typeof channel === "string" &&
      typeof message === "string"
    ) this.#onMessage?.(channel, message);
  }

  /** Takes no more commands, waits for what is due, and ends. */
  close(limits?: CallOptions): Promise<void> {
    return this.#requests.close(limits);
  }

  /** Ends now. */
  [Symbol.dispose](): void {
    this.#requests.abort();
  }

  /** Ends gracefully, as {@linkcode RedisConnection.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isConfirmation([kind]: readonly Reply[]): boolean {
  return kind === "subscribe" || kind === "unsubscribe";
}

function isUnknown(error: unknown): boolean {
  return error instanceof RedisError && error.code === "ERR" &&
    /unknown command/i.test(error.message);
}
