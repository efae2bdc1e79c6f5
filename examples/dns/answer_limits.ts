/**
 * How many answers each address gets over UDP: the address of a query may be forged.
 *
 * @module
 */

import { RateLimiter } from "@sluice/net";
import { addressOf } from "../_pending_connections.ts";

/** Addresses of which it is known how much they got. */
const MAX_ADDRESSES = 10_000;

/** How much the addresses get over UDP. */
export class AnswerLimits {
  readonly #perSecond: number;
  /** The one that was heard of last is the last one. */
  readonly #limiters = new Map<
    string,
    { limiter: RateLimiter; refused: number }
  >();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /**
   * What becomes of the next query. Of those that are too many each second one is answered
   * by "ask over TCP", so that a client whose address is forged by others is still served.
   */
  judge(from: Deno.NetAddr): "answer" | "truncate" | "drop" {
    const key = addressOf({ remoteAddr: { ...from, transport: "tcp" } });
    const known = this.#limiters.get(key) ?? {
      limiter: new RateLimiter({
        perSecond: this.#perSecond,
        burst: Math.max(1, 2 * this.#perSecond),
      }),
      refused: 0,
    };
    this.#limiters.delete(key);
    this.#limiters.set(key, known);
    if (this.#limiters.size > MAX_ADDRESSES) {
      const [oldest] = this.#limiters.keys();
      this.#limiters.delete(oldest);
    }
    if (known.limiter.tryTake()) return "answer";
    return ++known.refused % 2 === 0 ? "truncate" : "drop";
  }
}
