/**
 * The connection, as its reader and its writer see it.
 *
 * A contract of its own, so that neither of them imports the connection that owns them.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { SocketError } from "../errors.ts";
import type { Flow } from "../traffic/throttled_flow.ts";
import type { Transport } from "../transport/options.ts";
import type { LiveStats } from "./_stats.ts";
import type { SocketOptions } from "./options.ts";

/** The two addresses of a connection, as errors carry them. */
export interface Addresses {
  readonly localAddr: Addr;
  readonly remoteAddr: Addr;
}

/** Sees what passes a connection, in the clear, and keeps nothing of the arrays. */
export interface Tap {
  /** Bytes have arrived, or the end of the peer's side (`null`). */
  onRead(bytes: Uint8Array | null): void;
  /** The transport is asked to write; how much it takes comes next. */
  onTransmit(bytes: Uint8Array): void;
  /** It took the first `count` of them. */
  onSent(count: number): void;
  /** All is sent, and this side ends. */
  onWriteEnd(): void;
}

/** What the two halves of a connection ask of it. */
export interface ConnectionContext {
  /** What the socket runs on; another one after an upgrade to TLS. */
  readonly transport: Transport;
  /** What to read from and write to: the transport, throttled if that was asked for. */
  readonly flow: Flow;
  readonly stats: LiveStats;
  /** Sees the bytes that pass; usually `undefined`. */
  readonly tap: Tap | undefined;
  /** Whether there is no I/O behind it that others could be kept from. */
  readonly inMemory: boolean;
  /** Whether a connection of Deno is read from, with nothing around it. */
  readonly isSystem: boolean;
  /** Whether the process may end while a call waits. */
  readonly isUnreferenced: boolean;
  readonly options: SocketOptions;
  /** For errors. */
  addresses(): Addresses;
  /** Bytes that arrived and were not consumed yet. */
  readonly unreadBytes: number;
  /** The reader is about to wait: what was written has to be on its way by then. */
  beforeWait(): void;
  /** Bytes moved: the connection is not idle. */
  onActivity(): void;
  /** A read is in flight and no call waits for it any more (`true`), or one does again. */
  onReadOrphaned(orphaned: boolean): void;
  /** The transport failed to read: the connection is broken. */
  onReadFailure(error: unknown): void;
  /** The transport failed to write. */
  onWriteFailure(error: SocketError): void;
  /** Turns what the transport threw into an error of this library. */
  translate(operation: string, error: unknown): SocketError;
}
