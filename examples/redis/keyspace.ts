/**
 * The data: strings by key, some with a time at which they vanish.
 *
 * @module
 */

import { owned } from "./latin1.ts";

/** What a key costs beside its bytes: an estimate of the engine's own records. */
const ENTRY_BYTES = 192;
/** Keys that are looked at in one go, and how often in one sweep: clients wait for it. */
const SWEEP_KEYS = 1_000;
const MOST_SWEEPS = 10;

/** There is no room for what was to be stored. */
export class FullError extends Error {}

/** A key that is there. */
interface Entry {
  value: string;
  /** When it vanishes, in milliseconds since 1970; `Infinity` for never. */
  expiresAt: number;
  /** Where it is in the list of keys. */
  index: number;
  /** Which change of all was its last one. */
  revision: number;
}

/**
 * Strings by key, within a limit of memory.
 *
 * The keys are in a list as well, without gaps: the last one takes the place of one that
 * is removed. A walk from its end to its beginning meets every key that is there all the
 * time, some of them twice, and has nothing to remember but where it is.
 */
export class Keyspace {
  readonly #entries = new Map<string, Entry>();
  #keys: string[] = [];
  #revision = 0;
  /** The keys that vanish some day. */
  readonly #mortal = new Set<string>();
  readonly #maxBytes: number;
  #bytes = 0;
  #droppedBytes = 0;
  /** Where the sweep goes on. */
  #sweeping: Iterator<string> | undefined;

  /** @param maxBytes Most memory for keys and values. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How many keys there are; some may be about to vanish. */
  get size(): number {
    return this.#entries.size;
  }

  /** Estimated memory of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of all keys and values that were ever replaced or removed. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** The value of a key. */
  get(key: string): string | undefined {
    return this.#find(key)?.value;
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (
      entry === undefined || entry.expiresAt === Infinity ||
      entry.expiresAt > Date.now()
    ) return entry;
    this.#remove(key, entry);
    return undefined;
  }

  /**
   * Stores a value.
   *
   * @param expiresAt When it vanishes, or `Infinity`; as before by default.
   * @throws {FullError} It would not fit.
   */
  set(key: string, value: string, expiresAt?: number): void {
    let entry = this.#find(key);
    const more = entry === undefined
      ? key.length + value.length + ENTRY_BYTES
      : value.length - entry.value.length;
    if (more > 0 && this.#bytes + more > this.#maxBytes) {
      throw new FullError();
    }
    this.#bytes += more;
    if (entry !== undefined) {
      this.#droppedBytes += entry.value.length;
      entry.value = owned(value);
      entry.revision = ++this.#revision;
    } else {
      const name = owned(key);
      entry = {
        value: owned(value),
        expiresAt: Infinity,
        index: this.#keys.length,
        revision: ++this.#revision,
      };
      this.#entries.set(name, entry);
      this.#keys.push(name);
    }
    if (expiresAt !== undefined) this.#setExpiry(entry, expiresAt);
  }

  #setExpiry(entry: Entry, at: number): void {
    // The same string as everywhere: another one would count for nothing.
    if (at !== Infinity) this.#mortal.add(this.#keys[entry.index]);
    else if (entry.expiresAt !== Infinity) {
      this.#mortal.delete(this.#keys[entry.index]);
    }
    entry.expiresAt = at;
  }

  /** Removes a key: whether it was there. */
  delete(key: string): boolean {
    const entry = this.#find(key);
    if (entry !== undefined) this.#remove(key, entry);
    return entry !== undefined;
  }

  #remove(key: string, { value, index }: Entry): void {
    this.#entries.delete(key);
    const last = this.#keys.pop()!;
    if (index < this.#keys.length) {
      this.#keys[index] = last;
      this.#entries.get(last)!.index = index;
    }
    this.#mortal.delete(key);
    this.#bytes -= key.length + value.length + ENTRY_BYTES;
    this.#droppedBytes += key.length + value.length;
  }

  /** Removes all keys. */
  clear(): void {
    this.#entries.clear();
    this.#keys = [];
    this.#mortal.clear();
    this.#droppedBytes += this.#bytes;
    this.#bytes = 0;
  }

  /** When a key vanishes; `undefined` if there is no such key. */
  expiresAt(key: string): number | undefined {
    return this.#find(key)?.expiresAt;
  }

  /** Lets a key vanish at a time, or never: whether it was there. */
  expire(key: string, at: number): boolean {
    const entry = this.#find(key);
    if (entry === undefined) return false;
    if (at <= Date.now()) {
      this.#remove(key, entry);
      return true;
    }
    this.#setExpiry(entry, at);
    entry.revision = ++this.#revision;
    return true;
  }

  /** Changes with each change of a key; 0 where there is no such key. */
  revisionOf(key: string): number {
    return this.#find(key)?.revision ?? 0;
  }

  /** The key at a place of the list, unless its time has come. */
  keyAt(index: number): string | undefined {
    const key = this.#keys[index];
    return this.#find(key) === undefined ? undefined : key;
  }

  /** The list as it is now. */
  keys(): string[] {
    return this.#keys.slice();
  }

  /**
   * Removes some of the keys whose time has come, more where they are many; call it now and
   * then.
   */
  sweep(): void {
    for (let i = 0; i < MOST_SWEEPS; i++) {
      if (this.#sweepSome() < SWEEP_KEYS / 4) return;
    }
  }

  /** Looks at some keys: how many of them had to go. */
  #sweepSome(): number {
    this.#sweeping ??= this.#mortal.keys();
    let removed = 0;
    for (let i = 0; i < SWEEP_KEYS; i++) {
      const { done, value } = this.#sweeping.next();
      if (done) {
        this.#sweeping = undefined;
        break;
      }
      if (this.#find(value) === undefined) removed++;
    }
    return removed;
  }
}
