/**
 * TLS, as a client or as a server, on a connection that began in plain text.
 *
 * @module
 */

import { checkTlsBindOptions, checkTlsDialOptions } from "./_check_options.ts";
import { closeQuietly } from "./close_quietly.ts";
import {
  namesOf,
  TLS_BIND_OPTION_NAMES,
  TLS_DIAL_OPTION_NAMES,
} from "./option_names.ts";
import type {
  TlsBindOptions,
  TlsDialOptions,
  TlsTransport,
  Transport,
} from "./options.ts";
import { orAbort } from "./_or_abort.ts";
import { ServerTls } from "./_tls.ts";
import { checkMaterial } from "./_tls_material.ts";
import { translateError } from "./translate_error.ts";

const LIMIT_NAMES = ["signal", "timeoutMs", "deadline"];
const START_NAMES = namesOf(TLS_DIAL_OPTION_NAMES, LIMIT_NAMES);
const ACCEPT_NAMES = namesOf(TLS_BIND_OPTION_NAMES, LIMIT_NAMES);

/**
 * Throws unless these can be used to start TLS as a client. Gives them as they were
 * checked. The limits of the call are known names and for the caller to check.
 *
 * @throws {TypeError} An option is of the wrong type, or of a name that is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {TlsError} Certificate and key cannot be used.
 */
export function checkStartTls(options: TlsDialOptions): TlsDialOptions {
  const tls = checkTlsDialOptions("start TLS", options, "options", START_NAMES);
  if (tls.cert !== undefined) checkMaterial("start TLS", tls);
  return tls;
}

/**
 * Speaks TLS, as a client, on a connection from now on, over any transport: on Deno's own
 * TLS over plain TCP where it can do what is asked for, on `node:tls` otherwise.
 * `transport` belongs to the result, and is closed if this fails.
 *
 * The name that the certificate must be for is `serverName`, or else the host of the
 * peer's address, or else `"localhost"`.
 *
 * Cancellation: the call rejects with `signal.reason` at once, and the connection is
 * closed.
 *
 * @throws {TypeError} An option is of the wrong type; `transport` is untouched.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {BrokenError} The connection broke.
 */
export async function startTls(
  transport: Transport,
  options: TlsDialOptions & { signal?: AbortSignal },
): Promise<TlsTransport> {
  const tls = checkStartTls(options);
  const { signal } = options;
  const { localAddr, remoteAddr } = transport;
  const host = "hostname" in remoteAddr ? remoteAddr.hostname : "localhost";
  const { serverName = host } = tls;
  try {
    // Other programs do without the code.
    const { startTlsClient } = await import("./_tls_client.ts");
    return await startTlsClient(transport, { ...tls, serverName }, signal);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw translateError(error, {
      operation: "start TLS",
      localAddr,
      remoteAddr,
    });
  }
}

/**
 * Throws unless these can be used to start TLS as a server. Gives them as they were
 * checked. The limits of the call are known names and for the caller to check.
 *
 * @throws {TypeError} An option is of the wrong type, or of a name that is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {TlsError} Certificate and key cannot be used.
 */
export function checkAcceptTls(options: TlsBindOptions): TlsBindOptions {
  const tls = checkTlsBindOptions(
    "start TLS",
    options,
    "options",
    ACCEPT_NAMES,
  );
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
