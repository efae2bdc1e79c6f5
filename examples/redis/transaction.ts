/**
 * The transaction of one client: commands that wait for `EXEC`, keys that must not change.
 *
 * What waits is bounded, in commands, in bytes and in work, as `EXEC` does all of it in one
 * go. It counts as memory that the client holds.
 *
 * @module
 */

import { CommandError } from "./command_error.ts";
import type { Command } from "./command.ts";
import type { Keyspace } from "./keyspace.ts";
import { owned } from "./latin1.ts";

/** Most commands of a transaction. */
export const MAX_QUEUED = 10_000;
/** Most bytes of them, and arguments: what `EXEC` has to do. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const MAX_QUEUED_ARGUMENTS = 50_000;
/** Most keys that one client watches. */
export const MAX_WATCHED = 10_000;
/** What an argument, a command and a watched key cost beside their text. */
const ARGUMENT_BYTES = 48;
const COMMAND_BYTES = 64;
const WATCH_BYTES = 128;

/** See the module. */
export class Transaction {
  readonly #onHeld: (bytes: number) => void;
  /** What waits for `EXEC`; undefined where no `MULTI` was said. */
  #queue: Command[] | undefined;
  #queuedBytes = 0;
  #queuedArguments = 0;
  /** A command was wrong: `EXEC` will do none of them. */
  #failed = false;
  /** Each watched key, with what {@linkcode Keyspace.revisionOf} said. */
  readonly #watched = new Map<string, number>();
  #watchedBytes = 0;

  /** @param onHeld Called with what all of it takes, in bytes, when that has changed. */
  constructor(onHeld: (bytes: number) => void) {
    this.#onHeld = onHeld;
  }

  /** Whether `MULTI` was said. */
  get open(): boolean {
    return this.#queue !== undefined;
  }

  /** Begins. */
  begin(): void {
    this.#queue = [];
  }

  /** A command was wrong: none will be done, and those that wait are dropped. */
  fail(): void {
    this.#failed = true;
    this.#queue = [];
    this.#queuedBytes = this.#queuedArguments = 0;
    this.#tell();
  }

  /**
   * Lets a command wait for `EXEC`.
   *
   * @throws {CommandError} There is too much already; `EXEC` will do none.
   */
  add(command: Command): void {
    if (this.#failed) return;
    let bytes = COMMAND_BYTES;
    for (const word of command) bytes += word.length + ARGUMENT_BYTES;
    const queue = this.#queue!;
    if (
      queue.length >= MAX_QUEUED ||
      this.#queuedBytes + bytes > MAX_QUEUED_BYTES ||
      this.#queuedArguments + command.length > MAX_QUEUED_ARGUMENTS
    ) {
      throw new CommandError(
        `ERR a transaction may have at most ${MAX_QUEUED} commands, ` +
          `${MAX_QUEUED_ARGUMENTS} arguments and ${MAX_QUEUED_BYTES} bytes`,
      );
    }
    this.#queuedBytes += bytes;
    this.#queuedArguments += command.length;
    queue.push(command.map(owned));
    this.#tell();
  }

  /**
   * Ends it, and the watch: gives what waited.
   *
   * @returns The commands, or why none is to be done.
   */
  take(keyspace: Keyspace): Command[] | "failed" | "changed" {
    const queue = this.#queue!;
    const failed = this.#failed;
    const changed = !failed && this.#changed(keyspace);
    this.discard();
    if (failed) return "failed";
    return changed ? "changed" : queue;
  }

  #changed(keyspace: Keyspace): boolean {
    for (const [key, revision] of this.#watched) {
      if (keyspace.revisionOf(key) !== revision) return true;
    }
    return false;
  }

  /** Ends it, and the watch, without doing anything. */
  discard(): void {
    this.#queue = undefined;
    this.#queuedBytes = this.#queuedArguments = 0;
    this.#failed = false;
    this.unwatch();
  }

  /**
   * Watches a key until the transaction ends.
   *
   * @throws {CommandError} There are {@linkcode MAX_WATCHED} already.
   */
  watch(keyspace: Keyspace, key: string): void {
    if (this.#watched.has(key)) return;
    if (this.#watched.size >= MAX_WATCHED) {
      throw new CommandError(
        `ERR a client may watch at most ${MAX_WATCHED} keys`,
      );
    }
    this.#watched.set(owned(key), keyspace.revisionOf(key));
    this.#watchedBytes += key.length + WATCH_BYTES;
    this.#tell();
  }

  /** Watches no key any more. */
  unwatch(): void {
    this.#watched.clear();
    this.#watchedBytes = 0;
    this.#tell();
  }

  #tell(): void {
    this.#onHeld(this.#queuedBytes + this.#watchedBytes);
  }
}
