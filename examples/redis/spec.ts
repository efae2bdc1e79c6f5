/**
 * What a command is: its arguments, its keys, when it may be said, and what it does.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import type { Database } from "./database.ts";
import { type Reply, Status } from "./reply.ts";
import type { Session } from "./session.ts";

/**
 * A command that takes long, a part at a time: each step gives what it holds, in bytes,
 * and the last one the reply. Others are served between them.
 */
export class Slices {
  constructor(readonly steps: Iterator<number, Reply>) {}
}

/** What a command does. `args` begins with its name. */
export type Run = (
  args: Command,
  db: Database,
  session: Session,
) => Reply | Slices;

/** A command. */
export interface Spec {
  /** Fewest and most arguments, the name left out. */
  readonly least: number;
  readonly most: number;
  readonly run: Run;
  /** Which arguments are keys: the first, the last (from the end if below 0), how far apart. */
  readonly keys: readonly [first: number, last: number, step: number];
  /** Whether it changes data. */
  readonly writes: boolean;
  /** Whether it may be said before the password. */
  readonly beforeLogin: boolean;
  /** Whether it may be said in RESP 2 while the client listens to channels. */
  readonly whileSubscribed: boolean;
  /** What becomes of it after `MULTI`. */
  readonly inTransaction: "queued" | "at-once" | "refused";
}

/** What most commands are not. */
export type Traits = Partial<
  Pick<
    Spec,
    "keys" | "writes" | "beforeLogin" | "whileSubscribed" | "inTransaction"
  >
>;

/** A command of some arguments. */
export function command(
  least: number,
  most: number,
  run: Run,
  traits: Traits = {},
): Spec {
  return {
    least,
    most,
    run,
    keys: [0, 0, 0],
    writes: false,
    beforeLogin: false,
    whileSubscribed: false,
    inTransaction: "queued",
    ...traits,
  };
}

/** One key, the first argument. */
export const ONE_KEY: Traits = { keys: [1, 1, 1] };
/** The same, and the data of it changes. */
export const ONE_WRITTEN: Traits = { keys: [1, 1, 1], writes: true };

export const OK = new Status("OK");
export const SYNTAX_ERROR = "ERR syntax error";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
/** Digits of 2^63, and a sign. */
const MAX_INTEGER_LENGTH = 20;

/** A whole number of 64 bits: a `bigint` where a `number` would not be exact. */
export function exactInteger(text: string): number | bigint {
  // A value may have a million digits, which take long to read.
  const value = text.length <= MAX_INTEGER_LENGTH ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && String(value) === text) return value;
  if (!/^-?[1-9]\d{15,18}$/.test(text) || !isInt64(BigInt(text))) {
    throw new CommandError(NOT_AN_INTEGER);
  }
  return BigInt(text);
}

/** The same, or the `number` that is next to it. */
export function integer(text: string): number {
  return Number(exactInteger(text));
}

/** Whether 64 bits are enough, one of them for the sign. */
export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/**
 * A time in milliseconds since 1970, to the next `number`: one second in 292 million years.
 *
 * @param count How many units of `unit` milliseconds after `since`.
 * @param name The command that has it, for its error.
 */
export function timeOf(
  count: number | bigint,
  unit: number,
  since: number,
  name: string,
): number {
  const at = since + Number(count) * unit;
  if (Number.isSafeInteger(at)) return at;
  const ms = BigInt(count) * BigInt(unit);
  const exact = BigInt(since) + ms;
  // As in Redis, 64 bits are enough for all of it.
  if (isInt64(ms) && isInt64(exact)) return Number(exact);
  throw invalidTime(name);
}

/** That a command got a time at which it cannot let a key vanish. */
export function invalidTime(name: string): CommandError {
  return new CommandError(
    `ERR invalid expire time in '${name.toLowerCase()}' command`,
  );
}

/** That a command got a number of arguments that it does not take. */
export function wrongCount(name: string): CommandError {
  return new CommandError(
    `ERR wrong number of arguments for '${name.toLowerCase()}' command`,
  );
}
