/**
 * Commands about keys.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import type { Database } from "./database.ts";
import { Glob, MAX_PATTERN } from "./glob.ts";
import type { Keyspace } from "./keyspace.ts";
import { owned } from "./latin1.ts";
import { type Reply, Status } from "./reply.ts";
import {
  command,
  exactInteger,
  integer,
  OK,
  ONE_KEY,
  ONE_WRITTEN,
  Slices,
  type Spec,
  SYNTAX_ERROR,
  timeOf,
  type Traits,
} from "./spec.ts";

/** Steps of matching before others are served. */
const SLICE_STEPS = 20_000;
/** What a name in a list takes. */
const POINTER_BYTES = 8;
/** Most keys that one `SCAN` looks at, whatever its `COUNT`. */
const MAX_SCANNED = 1_000;
const DEFAULT_SCANNED = 10;
const NONE = new Status("none");
const STRING = new Status("string");
const ALL_KEYS: Traits = { keys: [1, -1, 1] };
const ALL_REMOVED: Traits = { keys: [1, -1, 1], writes: true };
/** It takes long: a transaction would hold up all others. */
const ALONE: Traits = { inTransaction: "refused" };

/** By name, in capitals. */
export const KEY_COMMANDS: Record<string, Spec> = {
  DEL: command(1, Infinity, remove, ALL_REMOVED),
  UNLINK: command(1, Infinity, remove, ALL_REMOVED),
  EXISTS: command(1, Infinity, count, ALL_KEYS),
  TOUCH: command(1, Infinity, count, ALL_KEYS),
  TYPE: command(
    1,
    1,
    ([, key], { keyspace }) => typeOf(keyspace, key),
    ONE_KEY,
  ),
  EXPIRE: command(
    2,
    2,
    (args, db) => expire(args, db, 1_000, Date.now()),
    ONE_WRITTEN,
  ),
  PEXPIRE: command(
    2,
    2,
    (args, db) => expire(args, db, 1, Date.now()),
    ONE_WRITTEN,
  ),
  EXPIREAT: command(
    2,
    2,
    (args, db) => expire(args, db, 1_000, 0),
    ONE_WRITTEN,
  ),
  PEXPIREAT: command(2, 2, (args, db) => expire(args, db, 1, 0), ONE_WRITTEN),
  TTL: command(1, 1, ([, key], { keyspace }) => {
    const ms = remaining(keyspace, key);
    return ms < 0 ? ms : Math.round(ms / 1_000);
  }, ONE_KEY),
  PTTL: command(
    1,
    1,
    ([, key], { keyspace }) => remaining(keyspace, key),
    ONE_KEY,
  ),
  PERSIST: command(1, 1, ([, key], { keyspace }) => {
    if (remaining(keyspace, key) < 0) return 0;
    keyspace.expire(key, Infinity);
    return 1;
  }, ONE_WRITTEN),
  KEYS: command(1, 1, ([, pattern], { keyspace }) => {
    return new Slices(listKeys(keyspace, globOf(pattern)));
  }, ALONE),
  SCAN: command(1, 7, (args, db) => {
    const options = scanOptions(args);
    db.addWork(options.count);
    return new Slices(scan(db.keyspace, options));
  }, ALONE),
  DBSIZE: command(0, 0, (_, { keyspace }) => keyspace.size),
  FLUSHALL: command(0, 1, flush, { writes: true }),
  FLUSHDB: command(0, 1, flush, { writes: true }),
};

function remove([, ...keys]: Command, { keyspace }: Database): number {
  let removed = 0;
  for (const key of keys) if (keyspace.delete(key)) removed++;
  return removed;
}

function count([, ...keys]: Command, { keyspace }: Database): number {
  let there = 0;
  for (const key of keys) if (keyspace.get(key) !== undefined) there++;
  return there;
}

function typeOf(keyspace: Keyspace, key: string): Reply {
  return keyspace.get(key) === undefined ? NONE : STRING;
}

function expire(
  [name, key, time]: Command,
  { keyspace }: Database,
  unit: number,
  since: number,
): number {
  const at = timeOf(exactInteger(time), unit, since, name);
  return keyspace.expire(key, at) ? 1 : 0;
}

/** Milliseconds until a key vanishes; -1 for never, -2 if there is none. */
function remaining(keyspace: Keyspace, key: string): number {
  const at = keyspace.expiresAt(key);
  if (at === undefined) return -2;
  return at === Infinity ? -1 : Math.max(0, at - Date.now());
}

function flush([, how]: Command, { keyspace }: Database): Reply {
  if (how !== undefined && !/^(a?sync)$/i.test(how)) {
    throw new CommandError(SYNTAX_ERROR);
  }
  keyspace.clear();
  return OK;
}

function globOf(pattern: string): Glob {
  if (pattern.length > MAX_PATTERN) {
    throw new CommandError(
      `ERR a pattern may have at most ${MAX_PATTERN} bytes`,
    );
  }
  return new Glob(owned(pattern));
}

/** All keys that match, of those that are there now. */
function* listKeys(keyspace: Keyspace, glob: Glob): Generator<number, Reply> {
  const keys = keyspace.keys();
  // What is found takes the place of what was looked at.
  let found = 0;
  yield keys.length * POINTER_BYTES;
  for (const key of keys) {
    glob.begin(key);
    let matches = glob.go();
    while (matches === undefined || glob.left <= 0) {
      glob.left = SLICE_STEPS;
      yield keys.length * POINTER_BYTES;
      matches ??= glob.go();
    }
    if (matches && keyspace.get(key) !== undefined) keys[found++] = key;
  }
  keys.length = found;
  return keys;
}

interface ScanOptions {
  cursor: number;
  count: number;
  glob: Glob;
  /** Whether keys of this type exist. */
  isType: boolean;
}

function scanOptions([, at, ...rest]: Command): ScanOptions {
  const cursor = /^\d{1,15}$/.test(at) ? Number(at) : undefined;
  if (cursor === undefined) throw new CommandError("ERR invalid cursor");
  let count = DEFAULT_SCANNED;
  let glob = new Glob("*");
  let isType = true;
  if (rest.length % 2 === 1) throw new CommandError(SYNTAX_ERROR);
  for (let i = 0; i < rest.length; i += 2) {
    const value = rest[i + 1];
    switch (rest[i].toUpperCase()) {
      case "COUNT":
        count = integer(value);
        if (count < 1) throw new CommandError(SYNTAX_ERROR);
        break;
      case "MATCH":
        glob = globOf(value);
        break;
      case "TYPE":
        isType = value.toLowerCase() === "string";
        break;
      default:
        throw new CommandError(SYNTAX_ERROR);
    }
  }
  return { cursor, count: Math.min(count, MAX_SCANNED), glob, isType };
}

/** Some of the keys: from the cursor down, and where to go on. */
function* scan(
  keyspace: Keyspace,
  { cursor, count, glob, isType }: ScanOptions,
): Generator<number, Reply> {
  const found: string[] = [];
  // 0 is where it begins and where it ends.
  let at = cursor === 0 ? keyspace.size : Math.min(cursor, keyspace.size);
  for (; at > 0 && count > 0; count--) {
    // Others may have removed some meanwhile.
    at = Math.min(at, keyspace.size) - 1;
    const key = keyspace.keyAt(at);
    if (key === undefined) continue;
    glob.begin(key);
    let matches = glob.go();
    while (matches === undefined) {
      glob.left = SLICE_STEPS;
      yield found.length * POINTER_BYTES;
      matches = glob.go();
    }
    if (matches && isType) found.push(key);
  }
  return [String(Math.max(0, at)), found];
}
