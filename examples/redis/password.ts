/**
 * The password of the server.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { Guesses } from "../_guesses.ts";

/** The one user there is. */
export const USER = "default";

/** What a password turns out to be. */
export type Verdict =
  | "right"
  | "wrong"
  /** It was wrong too often, from there: nothing was looked at. */
  | "too-many";

/** A password, and how often each address was wrong about it. */
export class Password {
  readonly #digest: Buffer;
  readonly #guesses: Guesses;

  /**
   * @param password What clients must say.
   * @param guesses Counts wrong passwords.
   */
  constructor(password: string, guesses: Guesses = new Guesses()) {
    this.#digest = createHash("sha256").update(password, "utf8").digest();
    this.#guesses = guesses;
  }

  /**
   * Judges what a client said. It takes as long for a password that is nearly right, and
   * for the right one of a user that does not exist.
   *
   * @param address Where the client is: from there it can be wrong ten times, and then
   * once a minute.
   * @param said A character for each byte.
   */
  judge(address: string, user: string, said: string): Verdict {
    if (!this.#guesses.allows(address)) return "too-many";
    const digest = createHash("sha256").update(Buffer.from(said, "latin1"))
      .digest();
    if (timingSafeEqual(digest, this.#digest) && user === USER) return "right";
    this.#guesses.fail(address);
    return "wrong";
  }
}
