/**
 * TLS on a connection that began in plain text.
 *
 * @module
 */

import { startTlsClient } from "./_tls.ts";
import type { TlsDialOptions, TlsTransport, Transport } from "./options.ts";
import { translateError } from "./translate_error.ts";

/**
 * Speaks TLS, as a client, on a plain TCP connection from now on. `transport`
 * belongs to the result, and is closed if this fails.
 *
 * @throws {TypeError} `transport` is not a plain TCP connection of Deno.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {BrokenError} The connection broke.
 */
export async function startTls(
  transport: Transport,
  options: TlsDialOptions & { signal?: AbortSignal },
): Promise<TlsTransport> {
  const { localAddr, remoteAddr } = transport;
  if (!isTcpConn(transport) || remoteAddr.transport !== "tcp") {
    throw new TypeError(
      `Cannot start TLS as the transport must be a plain TCP connection: current value is ${remoteAddr.transport}`,
    );
  }
  const { signal, serverName = remoteAddr.hostname, ...tls } = options;
  try {
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

/** Deno has no class to ask for; only its TCP connections have this method. */
function isTcpConn(transport: Transport): transport is Deno.TcpConn {
  return "setNoDelay" in transport && !("handshake" in transport);
}
