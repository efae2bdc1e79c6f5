/**
 * TLS, as a server, on a connection that began in plain text.
 *
 * @module
 */

import { checkTlsBindOptions } from "./_check_options.ts";
import { closeQuietly } from "./close_quietly.ts";
import { orAbort } from "./_or_abort.ts";
import { ServerTls } from "./_tls.ts";
import { checkMaterial } from "./_tls_material.ts";
import { namesOf, TLS_BIND_OPTION_NAMES } from "./option_names.ts";
import type { TlsBindOptions, TlsTransport, Transport } from "./options.ts";
import { translateError } from "./translate_error.ts";

const NAMES = namesOf(TLS_BIND_OPTION_NAMES, [
  "signal",
  "timeoutMs",
  "deadline",
]);

/**
 * Throws unless these can be used to start TLS as a server. Gives them as they were
 * checked. The limits of the call are known names and for the caller to check.
 *
 * @throws {TypeError} An option is of the wrong type, or of a name that is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {TlsError} Certificate and key cannot be used.
 */
export function checkAcceptTls(options: TlsBindOptions): TlsBindOptions {
  const tls = checkTlsBindOptions("start TLS", options, "options", NAMES);
  checkMaterial("start TLS", tls);
  return tls;
}

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
 * @throws {TypeError} A TLS option is of the wrong type; `transport` is untouched.
 * @throws {TlsError} The handshake failed, or certificate and key cannot be used.
 * @throws {BrokenError} The connection broke.
 */
export async function acceptTls(
  transport: Transport,
  options: TlsBindOptions & { signal?: AbortSignal },
): Promise<TlsTransport> {
  const tls = checkAcceptTls(options);
  const { signal } = options;
  const { localAddr, remoteAddr } = transport;
  try {
    signal?.throwIfAborted();
    const session = await new ServerTls(tls).session(transport);
    await orAbort(session.handshake(), signal, () => {});
    return session;
  } catch (error) {
    closeQuietly(transport);
    if (signal?.aborted) throw signal.reason;
    const operation = "start TLS";
    throw translateError(error, { operation, localAddr, remoteAddr });
  }
}
