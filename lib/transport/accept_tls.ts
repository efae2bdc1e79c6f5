/**
 * The server's side of TLS on a connection that began in plain text.
 *
 * @module
 */

import { checkTlsBindOptions } from "./_check_options.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { sessionMaker } from "./_node_tls.ts";
import { orAbort } from "./_or_abort.ts";
import type { TlsBindOptions, TlsTransport, Transport } from "./options.ts";
import { translateError } from "./translate_error.ts";

/**
 * Speaks TLS, as a server, on a connection from now on: what STARTTLS asks for. It
 * works over any transport. `transport` belongs to the result, and is closed if this
 * fails.
 *
 * Whatever arrived in the clear has to be dealt with first: bytes that a client sent
 * behind its STARTTLS are an attacker's.
 *
 * Cancellation: the call rejects with `signal.reason` at once, and the connection is
 * closed.
 *
 * @throws {TypeError} A TLS option is of the wrong type.
 * @throws {TlsError} The handshake failed, or certificate and key cannot be used.
 * @throws {BrokenError} The connection broke.
 */
export async function acceptTls(
  transport: Transport,
  options: TlsBindOptions & { signal?: AbortSignal },
): Promise<TlsTransport> {
  const { signal, ...tls } = options;
  const { localAddr, remoteAddr } = transport;
  try {
    checkTlsBindOptions("start TLS", tls);
    signal?.throwIfAborted();
    const session = sessionMaker(tls)(transport);
    await orAbort(session.handshake(), signal, () => {});
    return session;
  } catch (error) {
    closeQuietly(transport);
    if (signal?.aborted) throw signal.reason;
    const operation = "start TLS";
    throw translateError(error, { operation, localAddr, remoteAddr });
  }
}
