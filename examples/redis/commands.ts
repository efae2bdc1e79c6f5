/**
 * The commands, each with the number of its arguments and what it does.
 *
 * @module
 */

import {
  MAX_CHANNELS,
  type Subscriber,
  TooManyChannelsError,
} from "./channels.ts";
import type { Database } from "./database.ts";
import { FullError, type Keyspace } from "./keyspace.ts";
import { type Command, Failure, type Reply, Several, Status } from "./resp.ts";

/** A command was wrong; its client hears why. */
class CommandError extends Error {}

interface Spec {
  /** Fewest and most arguments, the name left out. */
  readonly least: number;
  readonly most: number;
  /** `args` begins with the name. */
  run(args: Command, db: Database, client: Subscriber): Reply;
}

const OK = new Status("OK");
const PONG = new Status("PONG");
const SYNTAX_ERROR = "ERR syntax error";
const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
const MANY_ARGUMENTS = 16;
/** What a client may say while it listens to channels. */
const WHILE_SUBSCRIBED = ["SUBSCRIBE", "UNSUBSCRIBE", "PING", "QUIT"];

/** Runs a command, and never throws for what a client did. */
export function run(
  command: Command,
  db: Database,
  client: Subscriber,
): Reply {
  const name = command[0];
  const spec = find(name);
  if (spec === undefined) {
    return new Failure(`ERR unknown command '${name.slice(0, 128)}'`);
  }
  const count = command.length - 1;
  if (count < spec.least || count > spec.most) {
    return new Failure(
      `ERR wrong number of arguments for '${name.toLowerCase()}' command`,
    );
  }
  if (
    client.channels.size > 0 && !WHILE_SUBSCRIBED.includes(name.toUpperCase())
  ) {
    return new Failure(
      `ERR Can't execute '${name.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT are allowed in this context`,
    );
  }
  // Most commands of many arguments do as much for each of them.
  if (count > MANY_ARGUMENTS) db.addWork(count);
  return guarded(() => spec.run(command, db, client));
}

/** What a client did wrong becomes its reply. */
function guarded(run: () => Reply): Reply {
  try {
    return run();
  } catch (error) {
    if (error instanceof CommandError) return new Failure(error.message);
    if (error instanceof FullError) {
      return new Failure(
        "OOM command not allowed when used memory > 'maxmemory'",
      );
    }
    if (error instanceof TooManyChannelsError) {
      return new Failure(
        `ERR a client may subscribe to at most ${MAX_CHANNELS} channels`,
      );
    }
    throw error;
  }
}

const COMMANDS = new Map<string, Spec>();

function define(
  name: string,
  least: number,
  most: number,
  run: Spec["run"],
): void {
  const spec = { least, most, run };
  COMMANDS.set(name, spec).set(name.toLowerCase(), spec);
}

/** What was looked up last: in a pipeline it is often the next one, too. */
let recent: { name: string; spec: Spec } | undefined;

function find(name: string): Spec | undefined {
  if (recent?.name === name) return recent.spec;
  // Nearly all clients write GET or get: the rest costs a little more.
  const spec = COMMANDS.get(name) ?? COMMANDS.get(name.toUpperCase());
  if (spec !== undefined) recent = { name, spec };
  return spec;
}

// ---- connection -----------------------------------------------------------

define("PING", 0, 1, ([, text], _, { channels }) => {
  if (channels.size > 0) return ["pong", text ?? ""];
  return text ?? PONG;
});
define("ECHO", 1, 1, ([, text]) => text);
define("QUIT", 0, 0, () => OK);
define("SELECT", 1, 1, ([, index]) => {
  if (index !== "0") throw new CommandError("ERR DB index is out of range");
  return OK;
});
// Enough for redis-cli and redis-benchmark to feel at home.
define("CLIENT", 1, Infinity, () => OK);
define("COMMAND", 0, Infinity, () => []);
define("CONFIG", 1, Infinity, ([, verb, ...names]) => {
  if (verb.toUpperCase() !== "GET") {
    throw new CommandError("ERR only CONFIG GET is supported");
  }
  const known = names.filter((name) => ["save", "appendonly"].includes(name));
  return known.flatMap((name) => [name, name === "save" ? "" : "no"]);
});
define("INFO", 0, 1, (_, { keyspace, memory, evictedClients }) =>
  [
    "# Server",
    "redis_mode:standalone",
    `deno_version:${Deno.version.deno}`,
    "# Memory",
    `used_memory:${keyspace.bytes}`,
    `mem_clients_normal:${memory.bytes}`,
    "# Stats",
    `evicted_clients:${evictedClients}`,
    "# Keyspace",
    `db0:keys=${keyspace.size}`,
    "",
  ].join("\r\n"));

// ---- strings --------------------------------------------------------------

define("GET", 1, 1, ([, key], { keyspace }) => keyspace.get(key) ?? null);
define("SET", 2, 7, (args, { keyspace }) => {
  const [, key, value] = args;
  if (args.length === 3) {
    keyspace.set(key, value, Infinity);
    return OK;
  }
  const { expiresAt, only } = setOptions(args);
  if (only !== undefined) {
    const exists = keyspace.get(key) !== undefined;
    if (exists !== (only === "XX")) return null;
  }
  keyspace.set(key, value, expiresAt);
  return OK;
});
define("MGET", 1, Infinity, ([, ...keys], { keyspace }) => {
  return keys.map((key) => keyspace.get(key) ?? null);
});
define("MSET", 2, Infinity, (args, { keyspace }) => {
  if (args.length % 2 === 0) {
    throw new CommandError("ERR wrong number of arguments for 'mset' command");
  }
  for (let i = 1; i < args.length; i += 2) {
    keyspace.set(args[i], args[i + 1], Infinity);
  }
  return OK;
});
define("STRLEN", 1, 1, ([, key], { keyspace }) => {
  return keyspace.get(key)?.length ?? 0;
});
define("INCR", 1, 1, ([, key], { keyspace }) => add(keyspace, key, 1));
define("DECR", 1, 1, ([, key], { keyspace }) => add(keyspace, key, -1));
define("INCRBY", 2, 2, ([, key, step], { keyspace }) => {
  return add(keyspace, key, integer(step));
});
define("DECRBY", 2, 2, ([, key, step], { keyspace }) => {
  return add(keyspace, key, -integer(step));
});

// ---- keys -----------------------------------------------------------------

define("DEL", 1, Infinity, ([, ...keys], { keyspace }) => {
  return keys.filter((key) => keyspace.delete(key)).length;
});
define("EXISTS", 1, Infinity, ([, ...keys], { keyspace }) => {
  return keys.filter((key) => keyspace.get(key) !== undefined).length;
});
define("EXPIRE", 2, 2, ([, key, seconds], { keyspace }) => {
  return keyspace.expire(key, Date.now() + integer(seconds) * 1000) ? 1 : 0;
});
define("PEXPIRE", 2, 2, ([, key, ms], { keyspace }) => {
  return keyspace.expire(key, Date.now() + integer(ms)) ? 1 : 0;
});
define("TTL", 1, 1, ([, key], { keyspace }) => {
  const ms = remaining(keyspace, key);
  return ms < 0 ? ms : Math.round(ms / 1000);
});
define("PTTL", 1, 1, ([, key], { keyspace }) => remaining(keyspace, key));
define("PERSIST", 1, 1, ([, key], { keyspace }) => {
  if (remaining(keyspace, key) < 0) return 0;
  keyspace.expire(key, Infinity);
  return 1;
});
define("DBSIZE", 0, 0, (_, { keyspace }) => keyspace.size);
define("FLUSHALL", 0, 1, (_, { keyspace }) => {
  keyspace.clear();
  return OK;
});

// ---- publish and subscribe ------------------------------------------------

define("PUBLISH", 2, 2, ([, channel, message], db) => {
  const count = db.channels.publish(channel, message);
  db.addWork(count);
  return count;
});
define("SUBSCRIBE", 1, 1_000, ([, ...names], { channels }, client) => {
  return several(names, (name) => {
    channels.subscribe(client, name);
    return ["subscribe", name, client.channels.size];
  });
});
define("UNSUBSCRIBE", 0, 1_000, ([, ...names], { channels }, client) => {
  if (names.length === 0) names = [...client.channels];
  if (names.length === 0) return ["unsubscribe", null, 0];
  return new Several(names.map((name) => {
    channels.unsubscribe(client, name);
    return ["unsubscribe", name, client.channels.size];
  }));
});

// ---- what they have in common ---------------------------------------------

/** A reply for each name, up to the first that fails: what came before it was done. */
function several(names: string[], run: (name: string) => Reply): Several {
  const replies: Reply[] = [];
  for (const name of names) {
    const reply = guarded(() => run(name));
    replies.push(reply);
    if (reply instanceof Failure) break;
  }
  return new Several(replies);
}

/** The options of `SET`; each at most once. */
function setOptions(
  args: Command,
): { expiresAt: number | undefined; only: "NX" | "XX" | undefined } {
  let expiresAt: number | undefined = Infinity;
  let only: "NX" | "XX" | undefined;
  for (let i = 3; i < args.length; i++) {
    const option = args[i].toUpperCase();
    if ((option === "NX" || option === "XX") && only === undefined) {
      only = option;
      continue;
    }
    // When it vanishes can be said once.
    if (expiresAt !== Infinity) throw new CommandError(SYNTAX_ERROR);
    if (option === "KEEPTTL") expiresAt = undefined;
    else if ((option === "EX" || option === "PX") && i + 1 < args.length) {
      const time = integer(args[++i]) * (option === "EX" ? 1000 : 1);
      if (time <= 0) {
        throw new CommandError("ERR invalid expire time in 'set' command");
      }
      expiresAt = Date.now() + time;
    } else throw new CommandError(SYNTAX_ERROR);
  }
  return { expiresAt, only };
}

/** A whole number that is exact in JavaScript: 2^53, not Redis' 2^63. */
function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || String(value) !== text) {
    throw new CommandError(NOT_AN_INTEGER);
  }
  return value;
}

function add(keyspace: Keyspace, key: string, step: number): number {
  const sum = integer(keyspace.get(key) ?? "0") + step;
  if (!Number.isSafeInteger(sum)) throw new CommandError(NOT_AN_INTEGER);
  keyspace.set(key, String(sum));
  return sum;
}

/** Milliseconds until a key vanishes; -1 for never, -2 if there is none. */
function remaining(keyspace: Keyspace, key: string): number {
  const at = keyspace.expiresAt(key);
  if (at === undefined) return -2;
  return at === Infinity ? -1 : Math.max(0, at - Date.now());
}
