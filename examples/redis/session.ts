/**
 * What commands know of the client that sent them, and may change.
 *
 * @module
 */

import type { Subscriber } from "./channels.ts";
import type { Transaction } from "./transaction.ts";

/** A client, as commands see it. */
export interface Session extends Subscriber {
  /** Its number, which no other client has had. */
  readonly id: number;
  /** Where it is, as far as wrong passwords are counted. */
  readonly address: string;
  /** What it calls itself, or "". */
  name: string;
  /** Whether it may use the data. */
  authenticated: boolean;
  /** Its `MULTI` and `WATCH`. */
  readonly transaction: Transaction;
}
