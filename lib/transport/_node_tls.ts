/**
 * TLS for servers that check client certificates, or that let go of silent clients:
 * Deno's own listener cannot, but its `node:tls` can, over any transport.
 *
 * @module
 */

import { TlsError } from "../errors.ts";
import { type NodeTlsServer, NodeTlsSession } from "./_node_tls_session.ts";
import type { TlsBindOptions, Transport } from "./options.ts";

/**
 * Returns what makes sessions out of the connections of one server.
 *
 * @throws {TlsError} Certificate and key cannot be used.
 */
export function sessionMaker(
  tls: TlsBindOptions,
): (conn: Transport) => NodeTlsSession {
  // Loading takes some 20 ms the first time: only servers that need it pay.
  const { createServer } = globalThis.process.getBuiltinModule("node:tls");
  // These never listen: one for each connection, as they tell of it by events only.
  const makeServer = (): NodeTlsServer =>
    createServer({
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCaCerts,
      requestCert: tls.clientCaCerts !== undefined,
      rejectUnauthorized: true,
      allowHalfOpen: true,
      ALPNProtocols: tls.alpnProtocols,
    });
  checkKeyPair(tls);
  return (conn) => new NodeTlsSession(conn, makeServer());
}

/** Throws unless the two belong together: `createServer` would take them as they are. */
function checkKeyPair({ cert, key }: TlsBindOptions): void {
  const { createPrivateKey, X509Certificate } = globalThis.process
    .getBuiltinModule("node:crypto");
  let cause: unknown;
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      return;
    }
    cause = new Error("they do not belong together");
  } catch (error) {
    cause = error;
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new TlsError(
    "bad-configuration",
    `Cannot listen as certificate and key must be usable and belong together: ${why}`,
    { operation: "listen", cause },
  );
}
