/**
 * What the two halves of a socket share.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { SocketError } from "../errors.ts";
import type { Flow } from "../traffic/throttled_flow.ts";
import type { Transport } from "../transport/options.ts";
import type { Traffic } from "./_traffic.ts";
import type { SocketOptions } from "./options.ts";

/** The two ends of a connection, as errors carry them. */
export interface Ends {
  readonly localAddr: Addr;
  readonly remoteAddr: Addr;
}

/** The connection, as its reader and its writer see it. */
export interface Link {
  readonly transport: Transport;
  /** What to read from and write to: the transport, throttled if that was asked for. */
  readonly flow: Flow;
  readonly traffic: Traffic;
  readonly options: SocketOptions;
  /** Addresses, for errors. */
  ends(): Ends;
  /** Bytes that arrived and nobody has consumed yet. */
  readonly unreadBytes: number;
  /** The reader is about to wait: what was written has to be on its way by then. */
  beforeWait(): void;
  /** Something moved: the connection is not idle. */
  onActivity(): void;
  /** The transport failed to read: the connection is broken. */
  onReadFailure(error: unknown): void;
  /** Turns what the transport threw into an error of this library. */
  translate(operation: string, error: unknown): SocketError;
}
