/**
 * Commands about values.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import type { Database } from "./database.ts";
import type { Keyspace } from "./keyspace.ts";
import { Raw, type Reply } from "./reply.ts";
import {
  command,
  exactInteger,
  integer,
  invalidTime,
  isInt64,
  OK,
  ONE_KEY,
  ONE_WRITTEN,
  type Spec,
  SYNTAX_ERROR,
  timeOf,
  wrongCount,
} from "./spec.ts";

/** Longest that a value can become by `APPEND`: as long as one that is set. */
const MAX_VALUE_BYTES = 1024 * 1024;
/** Bytes that are copied in the time of a small command. */
const COPIED_BYTES = 512;

/** By name, in capitals. */
export const STRING_COMMANDS: Record<string, Spec> = {
  GET: command(
    1,
    1,
    ([, key], { keyspace }) => keyspace.get(key) ?? null,
    ONE_KEY,
  ),
  SET: command(2, 8, set, ONE_WRITTEN),
  SETNX: command(2, 2, ([, key, value], { keyspace }) => {
    if (keyspace.get(key) !== undefined) return 0;
    keyspace.set(key, value, Infinity);
    return 1;
  }, ONE_WRITTEN),
  SETEX: command(3, 3, (args, db) => setWithTime(args, db, 1_000), ONE_WRITTEN),
  PSETEX: command(3, 3, (args, db) => setWithTime(args, db, 1), ONE_WRITTEN),
  GETSET: command(2, 2, ([, key, value], { keyspace }) => {
    const old = keyspace.get(key) ?? null;
    keyspace.set(key, value, Infinity);
    return old;
  }, ONE_WRITTEN),
  GETDEL: command(1, 1, ([, key], { keyspace }) => {
    const old = keyspace.get(key) ?? null;
    keyspace.delete(key);
    return old;
  }, ONE_WRITTEN),
  GETRANGE: command(3, 3, ([, key, from, to], { keyspace }) => {
    const range = [integer(from), integer(to)];
    const value = keyspace.get(key) ?? "";
    const [start, end] = range.map((at) =>
      at < 0 ? Math.max(0, value.length + at) : at
    );
    return value.slice(start, end + 1);
  }, ONE_KEY),
  APPEND: command(2, 2, append, ONE_WRITTEN),
  STRLEN: command(
    1,
    1,
    ([, key], { keyspace }) => keyspace.get(key)?.length ?? 0,
    ONE_KEY,
  ),
  MGET: command(1, Infinity, ([, ...keys], { keyspace }) => {
    return keys.map((key) => keyspace.get(key) ?? null);
  }, { keys: [1, -1, 1] }),
  MSET: command(2, Infinity, (args, { keyspace }) => {
    checkPairs(args);
    setAll(args, keyspace);
    return OK;
  }, { keys: [1, -1, 2], writes: true }),
  MSETNX: command(2, Infinity, (args, { keyspace }) => {
    checkPairs(args);
    for (let i = 1; i < args.length; i += 2) {
      if (keyspace.get(args[i]) !== undefined) return 0;
    }
    setAll(args, keyspace);
    return 1;
  }, { keys: [1, -1, 2], writes: true }),
  INCR: command(1, 1, ([, key], db) => add(db, key, 1), ONE_WRITTEN),
  DECR: command(1, 1, ([, key], db) => add(db, key, -1), ONE_WRITTEN),
  INCRBY: command(2, 2, ([, key, step], db) => {
    return add(db, key, exactInteger(step));
  }, ONE_WRITTEN),
  DECRBY: command(2, 2, ([, key, step], db) => {
    const decrement = exactInteger(step);
    if (isInt64(-BigInt(decrement))) return add(db, key, -decrement);
    throw new CommandError("ERR decrement would overflow");
  }, ONE_WRITTEN),
};

function set(args: Command, { keyspace }: Database) {
  const [, key, value] = args;
  if (args.length === 3) {
    keyspace.set(key, value, Infinity);
    return OK;
  }
  const { expiresAt, only, get } = setOptions(args);
  const old = keyspace.get(key);
  if (only === undefined || (old !== undefined) === (only === "XX")) {
    keyspace.set(key, value, expiresAt);
    return get ? old ?? null : OK;
  }
  return get ? old ?? null : null;
}

/** What `SET` says besides key and value. */
interface SetOptions {
  /** When the key vanishes; undefined to leave it as it is. */
  expiresAt: number | undefined;
  only: "NX" | "XX" | undefined;
  /** Whether the old value is the reply. */
  get: boolean;
}

/** The options of `SET`; each at most once. */
function setOptions(args: Command): SetOptions {
  let only: SetOptions["only"];
  let get = false;
  /** What says when it vanishes, which can be said once. */
  let expiry: { option: string; time: string } | undefined;
  for (let i = 3; i < args.length; i++) {
    const option = args[i].toUpperCase();
    if ((option === "NX" || option === "XX") && only === undefined) {
      only = option;
    } else if (option === "GET" && !get) get = true;
    else if (expiry !== undefined) throw new CommandError(SYNTAX_ERROR);
    else if (option === "KEEPTTL") expiry = { option, time: "" };
    else if (/^(EX|PX)(AT)?$/.test(option) && i + 1 < args.length) {
      expiry = { option, time: args[++i] };
    } else throw new CommandError(SYNTAX_ERROR);
  }
  return { expiresAt: expiresAt(expiry), only, get };
}

function expiresAt(
  expiry: { option: string; time: string } | undefined,
): number | undefined {
  if (expiry === undefined) return Infinity;
  const { option, time } = expiry;
  if (option === "KEEPTTL") return undefined;
  const unit = option.startsWith("EX") ? 1_000 : 1;
  const since = option.endsWith("AT") ? 0 : Date.now();
  return futureTime(time, unit, since, "set");
}

function setWithTime(args: Command, { keyspace }: Database, unit: number) {
  const [name, key, time, value] = args;
  keyspace.set(key, value, futureTime(time, unit, Date.now(), name));
  return OK;
}

/** A time that is said with a value: not one before it is set. */
function futureTime(
  text: string,
  unit: number,
  since: number,
  name: string,
): number {
  const count = exactInteger(text);
  if (count <= 0) throw invalidTime(name);
  return timeOf(count, unit, since, name);
}

function checkPairs(args: Command): void {
  if (args.length % 2 === 0) throw wrongCount(args[0]);
}

function setAll(args: Command, keyspace: Keyspace): void {
  for (let i = 1; i < args.length; i += 2) {
    keyspace.set(args[i], args[i + 1], Infinity);
  }
}

function append([, key, more]: Command, db: Database): number {
  const value = (db.keyspace.get(key) ?? "") + more;
  if (value.length > MAX_VALUE_BYTES) {
    throw new CommandError(
      "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
    );
  }
  // A few bytes make all of the value be copied.
  db.addWork(Math.floor(value.length / COPIED_BYTES));
  db.keyspace.set(key, value);
  return value.length;
}

function add(
  { keyspace }: Database,
  key: string,
  step: number | bigint,
): Reply {
  const value = exactInteger(keyspace.get(key) ?? "0");
  if (typeof value === "number" && typeof step === "number") {
    const sum = value + step;
    if (Number.isSafeInteger(sum)) {
      keyspace.set(key, String(sum));
      return sum;
    }
  }
  const sum = BigInt(value) + BigInt(step);
  if (!isInt64(sum)) {
    throw new CommandError("ERR increment or decrement would overflow");
  }
  keyspace.set(key, String(sum));
  // Not what RESP 3 has for numbers of any size.
  return new Raw(`:${sum}\r\n`);
}
