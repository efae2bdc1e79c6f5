/**
 * TLS on `node:tls`, for what Deno's own cannot do: other transports than TCP, the peer's
 * certificate, servers that check certificates or let go of silent clients. Only programs
 * that use it load this file and what it needs.
 *
 * @module
 */

import { checkObject, show } from "../_check.ts";
import { checkServerCertificate } from "./_check_options.ts";
import { parseIp } from "../ip.ts";
import {
  NodeTlsSession,
  type NodeTlsSocket,
  type StartSession,
} from "./_node_tls_session.ts";
import {
  type Certificate,
  checkPeer,
  checkSignatures,
  checkVersions,
  describePeer,
  presentedBy,
} from "./_peer_certificate.ts";
import { checkMaterial, readAuthorities } from "./_tls_material.ts";
import type {
  PeerCertificate,
  PeerCheckOptions,
  ServerCertificate,
  TlsBindOptions,
  TlsDialOptions,
  Transport,
} from "./options.ts";
import { HandshakeRefusal } from "./translate_error.ts";

// Loading takes some 50 ms the first time: other programs do not pay for that.
const nodeTls = () => globalThis.process.getBuiltinModule("node:tls");
type SecureContext = ReturnType<
  ReturnType<typeof nodeTls>["createSecureContext"]
>;
type OnContext = (error: Error | null, context?: SecureContext) => void;

/**
 * What makes sessions out of the connections of a server; `checkMaterial` has found its
 * options good. The handshake of each is yet to come.
 */
export function sessionMaker(
  tls: TlsBindOptions,
): (conn: Transport) => NodeTlsSession {
  const authorities = readAuthorities("listen", tls.clientCaCerts);
  const { createServer } = nodeTls();
  const isChecking = tls.clientCaCerts !== undefined;
  const isOptional = tls.clientCertificate === "request";
  const startSession: StartSession = (duplex, report) => {
    const chooseContext = (serverName: string, callback: OnContext) => {
      contextFor(tls, serverName).then(
        (context) => {
          callback(null, context);
          // Deno 2.9 does not go on by itself where the answer is late and the connection
          // a stream of JavaScript: only the next bytes would make it.
          duplex.emit("data", new Uint8Array());
        },
        (error) => {
          // What `node:tls` tells of it does not say why.
          report(error);
          callback(error);
        },
      );
    };
    // Never listens: one for each connection, as it tells of it by events only.
    const server = createServer({
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCaCerts?.slice(),
      requestCert: isChecking,
      rejectUnauthorized: !isOptional,
      allowHalfOpen: true,
      ALPNProtocols: tls.alpnProtocols?.slice(),
      SNICallback: tls.resolveCertificate && chooseContext,
    });
    server.once("secureConnection", report);
    server.once("tlsClientError", (error, socket) => {
      report(refusalOf(socket, error) ?? error);
    });
    server.emit("connection", duplex);
  };
  const admit = isChecking
    ? (socket: NodeTlsSocket) =>
      isOptional && showsNothing(socket)
        ? Promise.resolve(null)
        : admitTrusted(socket, authorities, tls)
    : () => Promise.resolve(null);
  return (conn) =>
    new NodeTlsSession(conn, startSession, admit, tls.allowTruncation);
}

/** The certificate that the user's own code has chosen for a client. */
async function contextFor(
  { resolveCertificate, cert, key }: TlsBindOptions,
  name: string,
): Promise<SecureContext> {
  const serverName = name === "" ? undefined : name;
  let chosen: ServerCertificate | undefined;
  try {
    chosen = await resolveCertificate!({ serverName });
  } catch (cause) {
    const why = "resolveCertificate has failed";
    throw new HandshakeRefusal("bad-certificate", why, { cause });
  }
  if (chosen === undefined && cert !== undefined) chosen = { cert, key };
  if (chosen === undefined) {
    throw new HandshakeRefusal(
      "wrong-name",
      `the server has no certificate for ${show(serverName)}`,
    );
  }
  const { cert: own, key: ownKey } = checkChosen(chosen);
  checkMaterial("choose a certificate", { cert: own, key: ownKey });
  return nodeTls().createSecureContext({ cert: own, key: ownKey });
}

/** The user's own code may give anything. */
function checkChosen(chosen: ServerCertificate): ServerCertificate {
  try {
    checkObject("choose a certificate", "it", chosen);
    const { cert, key } = chosen;
    checkServerCertificate("choose a certificate", { cert, key });
    return { cert, key };
  } catch (cause) {
    const why = "resolveCertificate must give a certificate and its key";
    throw new HandshakeRefusal("bad-configuration", why, { cause });
  }
}

/** Whether a client was asked for a certificate and has none. */
function showsNothing(socket: NodeTlsSocket): boolean {
  return Object.keys(socket.getPeerCertificate() ?? {}).length === 0;
}

/** Node says only "reset" to the server where it has refused a client's certificate. */
function refusalOf(
  { authorizationError: why }: NodeTlsSocket,
  cause: Error,
): Error | undefined {
  if (!why) return undefined;
  const text = why instanceof Error ? why.message : why;
  return new HandshakeRefusal(
    "client-certificate",
    `the client's certificate is not trusted (${inWords(text)})`,
    { cause },
  );
}

/** OpenSSL's code for what is wrong with a certificate, in words. */
function inWords(code: string): string {
  // Deno says so of one that has expired, too.
  if (/^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/.test(code)) {
    return "no authority in clientCaCerts has signed it, or it is not valid now";
  }
  return code.replaceAll("_", " ").toLowerCase();
}

/** Whether `serverName` is an address, which is never sent as SNI (RFC 6066, 3). */
const isIp = (serverName: string): boolean => parseIp(serverName) !== undefined;

/** Makes a client's session of a connection; `checkMaterial` has found its options good. */
export function clientSession(
  conn: Transport,
  tls: TlsDialOptions & { serverName: string },
): NodeTlsSession {
  const { serverName, caCerts = [], cert, key } = tls;
  const isSkipping = tls.dangerouslySkipChainCheck === true;
  const authorities = readAuthorities("connect", caCerts);
  const { checkServerIdentity, connect, createSecureContext } = nodeTls();
  const secureContext = createSecureContext({ cert, key });
  // `ca` would replace the usual authorities.
  for (const ca of caCerts) {
    (secureContext.context as { addCACert(pem: string): void }).addCACert(ca);
  }
  const startSession: StartSession = (duplex, report) => {
    // A variable, as the types do not know `allowHalfOpen` here.
    const options = {
      socket: duplex,
      secureContext,
      host: serverName,
      servername: isIp(serverName) ? undefined : serverName,
      ALPNProtocols: tls.alpnProtocols?.slice(),
      rejectUnauthorized: !isSkipping,
      allowHalfOpen: true,
      checkServerIdentity: (
        host: string,
        certificate: Parameters<typeof checkServerIdentity>[1],
      ) =>
        certificate.subjectaltname
          ? checkServerIdentity(host, certificate)
          // Node would take the common name, as nothing else does any more.
          : Object.assign(new Error("it names no host"), {
            code: "ERR_TLS_CERT_ALTNAME_INVALID",
          }),
    };
    const socket = connect(options);
    // It stays: without a listener, a later error would end the process.
    socket.on("error", report);
    socket.once("secureConnect", () => report(socket));
  };
  const admit = (socket: NodeTlsSocket) =>
    isSkipping
      ? admitPeer(socket, [], tls)
      : admitTrusted(socket, authorities, tls, checkSignatures);
  return new NodeTlsSession(conn, startSession, admit, tls.allowTruncation);
}

/** Lets a peer in that `node:tls` trusts, and that passes another check. */
function admitTrusted(
  socket: NodeTlsSocket,
  authorities: readonly Certificate[],
  checks: PeerCheckOptions,
  check?: typeof checkVersions,
): Promise<PeerCertificate> {
  if (socket.authorized) return admitPeer(socket, authorities, checks, check);
  // `node:tls` ends such a handshake by itself; where it does not, the peer is refused
  // here.
  const why = "the certificate of the peer is not authorized";
  throw new HandshakeRefusal("bad-certificate", why);
}

/** Lets a peer in whose certificate can be read, and that the user's own checks let in. */
async function admitPeer(
  socket: NodeTlsSocket,
  authorities: readonly Certificate[],
  checks: PeerCheckOptions,
  check?: typeof checkVersions,
): Promise<PeerCertificate> {
  const presented = presentedBy(socket);
  checkVersions(presented, authorities);
  check?.(presented, authorities);
  const peer = describePeer(socket);
  await checkPeer(peer, checks);
  return peer;
}
