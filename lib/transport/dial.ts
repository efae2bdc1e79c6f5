/**
 * Making a connection: TCP, TLS or Unix, with one call and one way to cancel it.
 *
 * @module
 */

import { addressOf } from "./_address_of.ts";
import { checkDialOptions } from "./_check_options.ts";
import { dialTcp } from "./_tcp.ts";
import { dialTls } from "./_tls.ts";
import { dialUnix } from "./_unix.ts";
import type { DialOptions, Transport } from "./options.ts";
import { translateError } from "./translate_error.ts";

/** What {@linkcode dial} may be told beside where to connect to. */
export interface DialContext {
  /** Gives up, in whatever phase, and leaves nothing behind. */
  signal?: AbortSignal;
}

/**
 * Connects. For TLS the handshake is done when it resolves, and the transport is a
 * `TlsTransport`; for TCP it is the `Deno.TcpConn` itself.
 *
 * Cancellation: whenever `signal` aborts, the call rejects with its reason at once and
 * what was half made is closed, also where Deno cannot be told to stop. One thing is
 * beyond reach: in a TLS handshake Deno (2.9) keeps the descriptor until the server
 * says something or leaves.
 *
 * @throws {TypeError} An option is of the wrong type, or `hostname` cannot be a host.
 * @throws {RangeError} `port` is out of range.
 * @throws {BrokenError} There is no connection; see `reason`.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {PermissionError} Deno denies it; see `flags`.
 */
export async function dial(
  options: DialOptions,
  { signal }: DialContext = {},
): Promise<Transport> {
  checkDialOptions(options);
  signal?.throwIfAborted();
  try {
    if ("dialer" in options) return await options.dialer.dial(signal);
    if ("path" in options) return await dialUnix(options.path, signal);
    const { tls = false } = options;
    if (tls === false) return await dialTcp(options, signal);
    return await dialTls(options, tls === true ? {} : tls, signal);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw translateError(error, {
      operation: "connect",
      remoteAddr: addressOf(options),
    });
  }
}
