/**
 * The users of the proxy, and how much of it each may use.
 *
 * @module
 */

import { sleep } from "@sluice/net";
import { Guesses } from "../_guesses.ts";
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";

/** What may pass at once before a user has to wait, in milliseconds of its rate. */
const BURST_MS = 50;

/** A user, with limits; those that are left out are `Infinity`. */
export interface UserOptions {
  name: string;
  password: string;
  /** Most tunnels at once. */
  maxConnections?: number;
  /** Most bytes a second, over all tunnels and both directions. */
  bytesPerSecond?: number;
}

/** A user, and what it is using now. */
export class User {
  readonly name: string;
  readonly #maxConnections: number;
  readonly #bytesPerSecond: number;
  #connections = 0;
  /** When all that was counted so far would have passed at the user's rate. */
  #paidUntilMs = 0;

  constructor(options: Omit<UserOptions, "password">) {
    this.name = options.name;
    this.#maxConnections = options.maxConnections ?? Infinity;
    this.#bytesPerSecond = options.bytesPerSecond ?? Infinity;
  }

  /** Counts a tunnel until the result is disposed of; undefined if it is one too many. */
  enter(): Disposable | undefined {
    if (this.#connections >= this.#maxConnections) return undefined;
    this.#connections++;
    return { [Symbol.dispose]: () => void this.#connections-- };
  }

  /** Waits until bytes may have passed; all tunnels of the user wait together. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerSecond === Infinity) return;
    const now = performance.now();
    this.#paidUntilMs = Math.max(this.#paidUntilMs, now) +
      1000 * bytes / this.#bytesPerSecond;
    const waitMs = this.#paidUntilMs - now - BURST_MS;
    if (waitMs > 0) await sleep(waitMs, { signal });
  }
}

/** What a client with a name and a password turns out to be. */
export type Login =
  /** Name and password are right. */
  | User
  /** One of them is not. */
  | "wrong"
  /** They were wrong too often, from there: nothing was looked at. */
  | "too-many";

/** What the password of a name that does not exist is compared with. */
const NO_USER = digestOf(crypto.randomUUID());

/** All users of the proxy. */
export class Users {
  readonly #users = new Map<string, { user: User; digest: Buffer }>();
  readonly #guesses: Guesses;

  /**
   * @param users Their names, passwords and limits.
   * @param guesses Counts wrong passwords.
   */
  constructor(users: readonly UserOptions[], guesses = new Guesses()) {
    this.#guesses = guesses;
    for (const options of users) {
      const user = new User(options);
      this.#users.set(user.name, { user, digest: digestOf(options.password) });
    }
  }

  /**
   * The user of this name, if the password is right.
   *
   * @param address Where the client is: from there it can be wrong ten times, and
   * then once a minute.
   */
  logIn(address: string, name: string, password: string): Login {
    if (!this.#guesses.allows(address)) return "too-many";
    const user = this.find(name, password);
    if (user !== undefined) return user;
    this.#guesses.fail(address);
    return "wrong";
  }

  /**
   * The user of this name, if the password is right. Does the same, and takes as
   * long, for a wrong name as for a wrong password.
   */
  find(name: string, password: string): User | undefined {
    const found = this.#users.get(name);
    const right = timingSafeEqual(digestOf(password), found?.digest ?? NO_USER);
    return right ? found?.user : undefined;
  }
}

function digestOf(password: string): Buffer {
  return createHash("sha256").update(password).digest();
}

/**
 * Reads users from JSON: a list of {@linkcode UserOptions}.
 *
 * @throws {TypeError} It is something else; the message says what.
 */
export function parseUsers(json: string): UserOptions[] {
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    throw new TypeError("it must be JSON");
  }
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError("it must be a list of at least one user");
  }
  const known = ["name", "password", "maxConnections", "bytesPerSecond"];
  for (const entry of list) {
    const isText = (value: unknown): value is string =>
      // SOCKS has one byte for the length of either.
      typeof value === "string" && value !== "" &&
      new TextEncoder().encode(value).length <= 255;
    if (!isText(entry?.name) || !isText(entry.password)) {
      throw new TypeError(
        "each user must have a name and a password of 1 to 255 bytes",
      );
    }
    const odd = Object.keys(entry).find((key) => !known.includes(key));
    if (odd !== undefined) {
      throw new TypeError(`${odd} must be one of ${known.join(", ")}`);
    }
    for (const key of ["maxConnections", "bytesPerSecond"]) {
      const limit = entry[key] ?? 1;
      if (!(Number.isSafeInteger(limit) && limit >= 1)) {
        throw new TypeError(`${key} must be a whole number of at least 1`);
      }
    }
  }
  return list;
}
