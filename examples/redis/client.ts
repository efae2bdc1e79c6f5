#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Talks to a Redis server, as `redis-cli` does.
 *
 * @module
 */

import { formatAddress, SocketError, withTimeout } from "@sluice/net";
import { decodeStream, delimited } from "@sluice/net/codec";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  addressFlag,
  commandLine,
  integerFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { complain } from "../_log.ts";
import { print, writeOutput } from "../_output.ts";
import { visibleText } from "../_safe_text.ts";
import type { Command } from "./command.ts";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";
import { formatReply, plainText, rawReply } from "./format.ts";
import { fromLatin1, toLatin1 } from "./latin1.ts";
import { RedisClient } from "./redis_client.ts";
import { Failure, type Reply } from "./reply.ts";
import { RedisError, wordOf } from "./value.ts";
import { splitWords } from "./words.ts";

const HELP = `
A Redis client: says one command, or those that are typed.

Usage: deno task examples redis/client [--host HOST] [--port PORT] [--user USER]
                                       [--password TEXT] [--tls] [--resp3] [--raw]
                                       [COMMAND ARGUMENT...]

  COMMAND ARGUMENT...  what to say; without any, the lines of standard input. Typed
                       words may be in quotes, with escapes: SET a "b\\x00\\n"
  --host HOST          where the server is; 127.0.0.1 by default. Another one must be
                       allowed to Deno as well (--allow-net=HOST:PORT).
  --port PORT          6379 by default
  --user USER          who logs in; "default" by default
  --password TEXT      what is said first, none by default. Other users of this machine
                       may see it in the list of programs; AUTH can be typed instead.
  --tls                speaks TLS, with the certificates that Deno trusts (DENO_CERT
                       names a file with more)
  --resp3              speaks RESP 3: maps and sets look like what they are
  --raw                shows replies as their bytes, for other programs
  --help               shows this text

Examples:
  deno task examples redis/client SET greeting hello
  deno task examples redis/client --port 6380 --password secret

SUBSCRIBE CHANNEL... shows messages until Ctrl-C, also after the connection was lost.
Exit code: 0 if the last reply was none of an error, 1 if it was or there was none, 2 if a
flag was wrong.
`;

/** Longest that connecting, and a reply, may take; a command that waits takes longer. */
const CONNECT_MS = 5_000;
const REPLY_MS = 600_000;

const { flags, switches, texts } = commandLine(HELP, {
  host: "127.0.0.1",
  port: "6379",
  user: UNSET,
  password: UNSET,
}, { texts: true, switches: ["tls", "resp3", "raw"], stopEarly: true });
const port = integerFlag("port", flags.port, { least: 1, most: 65_535 });
const hostname = hostFlag(flags.host);
const options: ConnectionOptions = {
  hostname,
  port,
  tls: switches.tls,
  protocol: switches.resp3 ? 3 : 2,
  // A character for each byte, so that all of them can be shown.
  encoding: "latin1",
  stallMs: REPLY_MS,
  ...(flags.user === UNSET ? {} : { user: flags.user }),
  ...(flags.password === UNSET ? {} : { password: flags.password }),
};
const name = formatAddress({ transport: "tcp", hostname, port });

function hostFlag(value: string): string {
  const isBare = value.includes(":") && !value.startsWith("[");
  const address = addressFlag(
    "host",
    `${isBare ? `[${value}]` : value}:${port}`,
  );
  if ("hostname" in address && !("tls" in address)) return address.hostname;
  stop(
    `Cannot connect: --host must be a name or an IP address, got ${value}`,
    2,
  );
}

/** One connection, made when it is asked for, and again after it was lost. */
class Conversation implements AsyncDisposable {
  #connection: RedisConnection | undefined;
  /** Whether `MULTI` was said: what comes next belongs together. */
  #inTransaction = false;
  failed = false;

  /** What the prompt shows. */
  get prompt(): string {
    return `${name}${this.#inTransaction ? "(TX)" : ""}>`;
  }

  /** Says a command, and shows the reply. */
  async say(command: Command): Promise<void> {
    this.failed = true;
    const verb = command[0].toUpperCase();
    try {
      if (verb === "SUBSCRIBE") {
        if (command.length === 1) {
          // In the words that a server has for it.
          throw new RedisError(
            "ERR wrong number of arguments for 'subscribe' command",
          );
        }
        await this[Symbol.asyncDispose]();
        return await listen(command.slice(1));
      }
      const reply = await (await this.#connect()).ask(command);
      const isError = reply instanceof Failure;
      if (verb === "MULTI" && !isError) this.#inTransaction = true;
      if (verb === "EXEC" || verb === "DISCARD") this.#inTransaction = false;
      show(reply);
      this.failed = isError;
    } catch (error) {
      if (error instanceof TypeError) complain(error.message);
      else if (error instanceof RedisError) show(new Failure(error.message));
      else if (error instanceof SocketError) {
        complain(visibleText(error.message));
        this.#lose();
      } else throw error;
    }
  }

  async #connect(): Promise<RedisConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = await withTimeout(
      CONNECT_MS,
      (signal) => RedisConnection.open(options, { signal }),
    );
    this.#connection = connection;
    connection.closed.catch(() => {}).then(() => {
      if (this.#connection === connection) this.#lose();
    });
    return connection;
  }

  #lose(): void {
    if (this.#connection === undefined) return;
    this.#connection[Symbol.dispose]();
    this.#connection = undefined;
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    complain("the connection was lost, and the transaction with it");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close({ timeoutMs: 1_000 }).catch(() => {});
  }
}

/** Shows messages until the program is ended. */
async function listen(channels: string[]): Promise<never> {
  await using client = new RedisClient({
    ...options,
    onEvent(event) {
      if (event.type === "lost") {
        complain("the connection was lost: messages may be missing");
      } else if (event.type === "connected" && event.session > 1) {
        complain("connected again");
      }
    },
  });
  const heard = new Set<string>();
  for (const channel of channels) {
    if (!heard.has(channel)) {
      await client.subscribe(channel, (message) => {
        show(["message", channel, message]);
      }, { timeoutMs: CONNECT_MS });
      heard.add(channel);
    }
    show(["subscribe", channel, heard.size]);
  }
  return await new Promise<never>(() => {});
}

function show(reply: Reply): void {
  if (!switches.raw) return print(formatReply(reply));
  const text = rawReply(reply);
  if (Deno.stdout.isTerminal()) {
    return print(text.split("\n").map(plainText).join("\n"));
  }
  writeOutput(fromLatin1(`${text}\n`));
}

/** Lines of any bytes; the last one may be without its end. */
const LINES = delimited({ delimiter: ["\r\n", "\n"], atEof: "emit" });

/**
 * The lines that are typed, a character for each byte: with a prompt where a person types
 * them.
 */
async function* typedLines(
  conversation: Conversation,
): AsyncGenerator<string> {
  if (!Deno.stdin.isTerminal()) {
    const lines = Deno.stdin.readable.pipeThrough(decodeStream(LINES));
    for await (const line of lines) yield toLatin1(line);
    return;
  }
  for (let line; (line = prompt(conversation.prompt)) !== null;) {
    // While it waited nothing else ran: a connection may have ended.
    await new Promise((resolve) => setTimeout(resolve));
    yield wordOf(line);
  }
}

await run(async () => {
  const target = { hostname, port };
  await ensurePermissions(permissionsFor(target, { action: "connect" }));
  await using conversation = new Conversation();
  if (texts.length > 0) {
    await conversation.say(texts.map(wordOf));
  } else {
    for await (const line of typedLines(conversation)) {
      const words = splitWords(line);
      if (words === undefined) complain("Invalid argument(s)");
      else if (words.length > 0) {
        if (/^(quit|exit)$/i.test(words[0])) break;
        await conversation.say(words);
      }
    }
  }
  if (conversation.failed) Deno.exitCode = 1;
});
