/**
 * Why a socket has ended, as its halves keep it.
 *
 * @module
 */

import { ClosedError, type SocketError } from "../errors.ts";
import type { Addresses } from "./_connection_context.ts";

/** What a call gets once the socket has ended. */
export interface EndReason {
  readonly error: SocketError;
}

/**
 * This side has closed the socket. The error is made when a call first needs it: that
 * takes more time than all else that closing does, for its stack, and most sockets are
 * closed when no call is left to fail.
 */
export class ClosedReason implements EndReason {
  readonly #addresses: Addresses;
  readonly #cause: unknown;
  #error: ClosedError | undefined;

  /** @param cause What the caller of `abort` gave as its reason, if anything. */
  constructor(addresses: Addresses, cause?: unknown) {
    this.#addresses = addresses;
    this.#cause = cause;
  }

  get error(): ClosedError {
    const cause = this.#cause;
    return this.#error ??= new ClosedError(
      "Cannot use the socket: this side closed it",
      { ...this.#addresses, ...(cause === undefined ? {} : { cause }) },
    );
  }
}
