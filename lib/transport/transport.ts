/**
 * What a Socket runs on.
 *
 * This folder guarantees that every byte stream looks the same from above: TCP,
 * TLS, Unix and memory differ in how they are made, not in how they are used. It
 * refuses to buffer, to retry and to time anything: that is the socket's work.
 * Errors leave a transport as its runtime throws them; `translateError` is the one
 * place that turns them into the errors of this library.
 *
 * It may import `errors.ts` and `addr.ts`; `socket/`, `server/` and `testing/` may
 * import it.
 *
 * @module
 */

import type { Addr } from "../addr.ts";

/**
 * What a Socket runs on: a stream of bytes each way. `Deno.Conn` already is one.
 *
 * One read and one write may be pending at a time, and may overlap each other.
 *
 * @example Any `Deno.Conn` will do
 * ```ts
 * import { Socket, type Transport } from "@sluice/net";
 *
 * const adopt = (conn: Deno.Conn): Socket => {
 *   const transport: Transport = conn;
 *   return new Socket(transport);
 * };
 * ```
 */
export interface Transport {
  /**
   * Reads what is there, at least one byte, into `p`; resolves to the count, or to
   * `null` when the peer has ended its side. `p` is borrowed until then.
   */
  read(p: Uint8Array): Promise<number | null>;
  /**
   * Writes a part of `p`, at least one byte; resolves to the count. `p` is borrowed
   * until then.
   */
  write(p: Uint8Array): Promise<number>;
  /** Ends this side: the peer reads what was written, then `null`. */
  closeWrite(): Promise<void>;
  /**
   * Ends both sides now. Pending calls reject. Where the peer has ended its side and
   * all of it was read, the peer still reads what was written.
   */
  close(): void;
  /** This side's address. */
  readonly localAddr: Addr;
  /** The peer's address. */
  readonly remoteAddr: Addr;
}
