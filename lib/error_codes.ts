/**
 * The literals that callers branch on: the `code` of every error, and the `reason`
 * of the two that have many.
 *
 * @module
 */

/**
 * The literal in `SocketError.code`, one for each error class.
 *
 * @category Errors
 */
export type SocketErrorCode =
  | "closed"
  | "broken"
  | "busy"
  | "timeout"
  | "aborted"
  | "unexpected-eof"
  | "frame-too-large"
  | "malformed-frame"
  | "codec"
  | "tls"
  | "proxy"
  | "limit"
  | "permission"
  | "worker";

/**
 * Why a connection broke, or could not be made.
 *
 * @category Errors
 */
export type BrokenReason =
  /** The peer reset the connection. */
  | "reset"
  /** The peer no longer reads. */
  | "broken-pipe"
  /** Nothing listens there. */
  | "refused"
  /** No route, or the network is down. */
  | "unreachable"
  /** The name has no address. */
  | "dns"
  /** Something listens there already. */
  | "in-use"
  /** The address is not one of this machine's. */
  | "not-available"
  /** The Unix socket's path does not exist. */
  | "not-found"
  /** The backlog is full, or the system is out of descriptors or memory. */
  | "exhausted"
  /** The peer ended its stream while something of it was due: answers, or a whole session. */
  | "ended"
  /** A write was cut off, so an unknown part of it is on the wire. */
  | "write-cancelled"
  /** Anything else; see `cause`. */
  | "other";

/**
 * What was wrong with a proxy, before it let anything through.
 *
 * @category Errors
 */
export type ProxyReason =
  /** It asks for a user name and a password, or refuses those that it was given. */
  | "authentication"
  /** It refuses to connect there: its rules, for instance. */
  | "refused"
  /** It cannot do what is asked of it: another kind of address, say. */
  | "unsupported"
  /** What it answers is not the protocol: it is no such proxy. */
  | "malformed"
  /** Its answer is larger than any that makes sense. */
  | "too-large"
  /** It ended the connection before its answer was complete. */
  | "closed";

/**
 * What was wrong with a TLS handshake or session.
 *
 * @category Errors
 */
export type TlsReason =
  /**
   * No authority that this side trusts signed the certificate. On `node:tls` it may also
   * be out of date: Deno (2.9) does not tell there.
   */
  | "unknown-issuer"
  /** The certificate is for another name. */
  | "wrong-name"
  /** The certificate's time is over. */
  | "expired"
  /** The certificate's time has not come. */
  | "not-yet-valid"
  /** The certificate was revoked. */
  | "revoked"
  /** A server's certificate is marked as that of an authority (`CA:TRUE`). */
  | "ca-as-end-entity"
  /** The certificate is not one of those in `pinnedFingerprint256`. */
  | "wrong-fingerprint"
  /** The user's `verify` refused the certificate; see `cause`. */
  | "refused-by-verify"
  /** The certificate is unfit in another way. */
  | "bad-certificate"
  /** The peer does not speak TLS. */
  | "plaintext"
  /** The peer ended the connection before the handshake was over. */
  | "closed-in-handshake"
  /** The peer ended without `close_notify`: what was read may be cut short. */
  | "truncated"
  /** The two sides share no ALPN protocol. */
  | "no-protocol"
  /** The peer asks for a client certificate, or rejects the one it got. */
  | "client-certificate"
  /** The peer sent a fatal alert. */
  | "alert"
  /** This side's certificate, key or options cannot be used. */
  | "bad-configuration"
  /** Anything else; see `cause`. */
  | "other";

/**
 * What went wrong with a worker of a group.
 *
 * @category Errors
 */
export type WorkerFailure =
  /** Its function threw, or its module cannot be run; see `cause`, or what it has printed. */
  | "failed"
  /** It ended by itself. */
  | "exited"
  /** It did not answer in time. */
  | "hung"
  /** It did not accept in time. */
  | "start-timeout"
  /** What it sent is not the protocol. */
  | "protocol"
  /** Workers died more often than `restart` allows. */
  | "too-many-restarts";
