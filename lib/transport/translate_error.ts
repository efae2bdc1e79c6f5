/**
 * The one place that knows how Deno words its errors.
 *
 * A transport throws what its runtime throws; everything above sees only the classes
 * of `errors.ts`. Deno names most errors, gives some of them only an `errno` code, tells
 * the rest apart by text alone, and has codes of OpenSSL's for some of TLS, so tables
 * are asked one after the other. The tests provoke each of them for real: a Deno that
 * words one differently is noticed.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import { type Addr, formatAddress } from "../addr.ts";
import {
  BrokenError,
  type BrokenReason,
  BusyError,
  ClosedError,
  PermissionError,
  SocketError,
  type SocketErrorOptions,
  TlsError,
  type TlsReason,
} from "../errors.ts";

/** What was being done when the error came. */
export interface ErrorContext {
  /** The verb, for instance `"connect"` or `"read"`. */
  operation: string;
  /** This side's address, where known. */
  localAddr?: Addr | undefined;
  /** The peer's address, where known. */
  remoteAddr?: Addr | undefined;
  /** What to name in the message where there is no address yet: `"localhost:80"`. */
  target?: string | undefined;
}

const BY_CODE: Record<string, BrokenReason> = {
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  // From `accept`: the client left while it was still in the backlog.
  ENOTCONN: "reset",
  EPIPE: "broken-pipe",
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  // The kernel gave up on a peer that does not answer.
  ETIMEDOUT: "unreachable",
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EADDRINUSE: "in-use",
  EADDRNOTAVAIL: "not-available",
  ENOENT: "not-found",
  // A Unix socket whose backlog is full.
  EAGAIN: "exhausted",
  EMFILE: "exhausted",
  ENFILE: "exhausted",
  ENOBUFS: "exhausted",
  ENOMEM: "exhausted",
};

const BY_NAME: Record<string, BrokenReason> = {
  ConnectionReset: "reset",
  ConnectionAborted: "reset",
  NotConnected: "reset",
  BrokenPipe: "broken-pipe",
  ConnectionRefused: "refused",
  NetworkUnreachable: "unreachable",
  TimedOut: "unreachable",
  AddrInUse: "in-use",
  AddrNotAvailable: "not-available",
  NotFound: "not-found",
  WouldBlock: "exhausted",
};

const EXPLANATIONS: Record<Exclude<BrokenReason, "other">, string> = {
  "reset": "connection reset by the peer",
  "broken-pipe": "broken pipe (the peer no longer reads)",
  "refused": "connection refused (nothing is listening there)",
  "unreachable": "unreachable (there is no route, or the host does not answer)",
  "dns": "the name has no address",
  "in-use": "address already in use (something is listening there)",
  "not-available": "address not available (it is not one of this machine's)",
  "not-found": "no such path (no server has made that socket)",
  "exhausted": "the backlog is full, or descriptors or memory have run out",
  "ended": "the peer ended its stream",
  "write-cancelled": "a write was cut off",
};

/** The certificate that the peer showed. */
const CERTIFICATE = "the certificate of the peer";
/** Said of a private key that Deno cannot sign with. */
export const UNUSABLE_KEY =
  "the private key is of a kind that cannot be used (RSA, ECDSA with P-256, P-384 or P-521, and Ed25519 can)";

/**
 * What is wrong with TLS: how `node:tls` names it in `code`, how rustls inside Deno words
 * it, what it is, and how to say so. The first that fits wins.
 */
const TLS_FAILURES: [RegExp, RegExp, TlsReason, string][] = [
  [
    /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/,
    /: UnknownIssuer/,
    "unknown-issuer",
    `${CERTIFICATE} is not signed by a trusted authority (caCerts adds one)`,
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    /not valid for name|NotValidForName/,
    "wrong-name",
    `${CERTIFICATE} is for another name (serverName says which to expect; names count that ` +
    "are in subjectAltName)",
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    /certificate expired|: Expired/,
    "expired",
    `${CERTIFICATE} has expired`,
  ],
  [
    /^CERT_NOT_YET_VALID$/,
    /not valid yet|: NotValidYet/,
    "not-yet-valid",
    `${CERTIFICATE} is not valid yet`,
  ],
  [
    /^CERT_REVOKED$/,
    /certificate: Revoked/,
    "revoked",
    `${CERTIFICATE} was revoked`,
  ],
  [
    /^$/,
    /CaUsedAsEndEntity/,
    "ca-as-end-entity",
    `${CERTIFICATE} is that of an authority (CA:TRUE), which no server may use as its own ` +
    "(with openssl req -x509, add -addext basicConstraints=critical,CA:FALSE)",
  ],
  [
    /^$/,
    /UnsupportedCertVersion/,
    "bad-certificate",
    `${CERTIFICATE} is not of X.509 version 3`,
  ],
  [
    /^INVALID_PURPOSE$/,
    /InvalidPurpose/,
    "bad-certificate",
    `${CERTIFICATE} is not meant for this use (extendedKeyUsage)`,
  ],
  [
    /^CERT_/,
    /invalid peer certificate/,
    "bad-certificate",
    `${CERTIFICATE} cannot be used`,
  ],
  [
    /^ERR_SSL_WRONG_VERSION_NUMBER$/,
    /corrupt message/,
    "plaintext",
    "the peer does not speak TLS",
  ],
  [
    /_NO_APPLICATION_PROTOCOL$/,
    /NoApplicationProtocol|support any known protocol/,
    "no-protocol",
    "the two sides share no ALPN protocol",
  ],
  [
    /_DID_NOT_RETURN_A_CERTIFICATE$/,
    /sent no certificates/,
    "client-certificate",
    "the client has shown no certificate",
  ],
  [
    /_CERTIFICATE_REQUIRED$/,
    /fatal alert: CertificateRequired/,
    "client-certificate",
    "the server asks for a client certificate (cert and key give one)",
  ],
  [/^$/, /fatal alert/, "alert", "the peer refused the session"],
  [
    /^$/,
    /without sending TLS close_notify/,
    "truncated",
    "the peer ended the connection without close_notify, so that something may be missing " +
    "(allowTruncation takes it for the end)",
  ],
  [
    /^$/,
    /^unexpected end of file|^tls handshake eof/,
    "closed-in-handshake",
    "the peer closed the connection before the handshake was over (it may not speak TLS)",
  ],
  [
    /^$/,
    /No keys found|No certificates found|keys may not be consistent/,
    "bad-configuration",
    "certificate and key cannot be used, or do not belong together",
  ],
  [
    /^$/,
    /failed to parse private key as/,
    "bad-configuration",
    UNUSABLE_KEY,
  ],
  [
    /^$/,
    /decrypt/,
    "other",
    "a record of TLS was damaged on its way",
  ],
];

/** A handshake that this library refused: `translateError` makes a `TlsError` of it. */
export class HandshakeRefusal extends Error {
  static {
    this.prototype.name = "HandshakeRefusal";
  }
  /** What is wrong. */
  readonly reason: TlsReason;

  /** Says what is wrong with the peer. */
  constructor(reason: TlsReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const PREPOSITIONS: [RegExp, string][] = [
  [/^connect|^bind|^write|^flush|^send|^closeWrite/, "to"],
  [/^read|^peek|^receive/, "from"],
  [/^listen|^accept|^serve/, "on"],
  [/^handshake|^start TLS/, "with"],
];

/** `Cannot connect to 127.0.0.1:80`: the start of every message. */
function describe(context: ErrorContext): string {
  const where = whereOf(context);
  const { operation } = context;
  return where === undefined
    ? `Cannot ${operation}`
    : `Cannot ${operation} ${where}`;
}

/** `to 127.0.0.1:80`: what a message says behind the operation, if the place is known. */
export function whereOf(
  { operation, target, remoteAddr, localAddr }: ErrorContext,
): string | undefined {
  const addr = remoteAddr ?? localAddr;
  const place = target ??
    (addr === undefined ? undefined : formatAddress(addr));
  if (place === undefined) return undefined;
  const preposition = PREPOSITIONS.find(([verb]) => verb.test(operation));
  return `${preposition?.[1] ?? "at"} ${place}`;
}

/** The flags which a denied permission names: Deno gives them in the text only. */
function missingFlags(message: string): string[] {
  const denied = /Requires (\w+) access to "(.*)", run again/.exec(message);
  if (denied === null) return [];
  const [, kind, what] = denied;
  const path = kind === "net" && what.startsWith("unix:")
    ? what.slice(5)
    : what;
  if (kind === "net" && path === what) return [`--allow-net=${what}`];
  // No flag can name it.
  if (path.startsWith("\0")) return ["--allow-net"];
  // A socket call that asks for a path is about a Unix socket, which needs all three
  // and is told of one at a time: name all at once. A query for `unix:` is never
  // answered with "granted" (Deno 2.9), hence the question about all of net.
  const granted = (descriptor: Deno.PermissionDescriptor): boolean =>
    Deno.permissions.querySync(descriptor).state === "granted";
  const flags: string[] = [];
  if (!granted({ name: "read", path })) flags.push(`--allow-read=${path}`);
  if (!granted({ name: "write", path })) flags.push(`--allow-write=${path}`);
  if (!granted({ name: "net" })) flags.push(`--allow-net=unix:${path}`);
  return flags;
}

function translateTls(
  error: Error,
  code: string,
  start: string,
  options: SocketErrorOptions,
): TlsError | undefined {
  const { name, message } = error;
  if (error instanceof HandshakeRefusal) {
    const cause = error.cause ?? error;
    return new TlsError(error.reason, `${start}: ${message}`, {
      ...options,
      cause,
    });
  }
  const known = TLS_FAILURES.find(([byCode, byText]) =>
    byText.test(message) || (code !== "" && byCode.test(code))
  );
  if (known !== undefined) {
    const [, , reason, what] = known;
    // `HandshakeFailure` becomes "handshake failure".
    const [, alert] = /fatal alert: (\w+)/.exec(message) ?? [];
    const words = alert?.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
    const detail = reason === "alert" && words ? ` (alert: ${words})` : "";
    return new TlsError(reason, `${start}: ${what}${detail}`, options);
  }
  // Only TLS gives these on a socket.
  if (
    name === "InvalidData" || name === "UnexpectedEof" ||
    code.startsWith("ERR_SSL_")
  ) {
    return new TlsError("other", `${start}: TLS failed (${message})`, options);
  }
  return undefined;
}

/** What Deno cannot use as a host: a bad argument, not a bad network. */
function badHost(error: Error, context: ErrorContext): TypeError | undefined {
  const { operation, target } = context;
  const addr = context.remoteAddr ?? context.localAddr;
  const host = addr !== undefined && "hostname" in addr
    ? addr.hostname
    : target;
  const isHost = error instanceof URIError;
  // From Deno's TLS, about the name that the certificate must be for.
  const [, serverName] = /^Invalid hostname: '(.*)'$/.exec(error.message) ?? [];
  if (!isHost && serverName === undefined) return undefined;
  const [name, value] = isHost
    ? ["hostname", host]
    : ["serverName", serverName];
  const bad = wrongKind(operation, name, "a name or an address", value);
  bad.cause = error;
  return bad;
}

/**
 * Turns what a transport threw into an error of this library, with the original as
 * its `cause`.
 *
 * Untouched are errors of this library, `TypeError` and `RangeError` that are about an
 * argument, and what is not an error of the runtime at all: an abort reason stays the
 * caller's own.
 *
 * @param error What was thrown.
 * @param context The operation, and the addresses of both ends.
 * @returns The error to throw in its place.
 *
 * @example A read that the peer reset
 * ```ts
 * import { translateError } from "./translate_error.ts";
 * import { assertEquals, assertIsError } from "@std/assert";
 * import { BrokenError } from "@sluice/net";
 *
 * const raw = new Deno.errors.ConnectionReset("Connection reset by peer");
 * const error = translateError(raw, { operation: "read", target: "10.0.0.9:80" });
 * assertIsError(error, BrokenError, "Cannot read from 10.0.0.9:80");
 * assertEquals(error.reason, "reset");
 * ```
 */
export function translateError(error: unknown, context: ErrorContext): unknown {
  try {
    return translated(error, context);
  } catch {
    // Whatever a transport of the user's throws may throw when it is looked at.
    return error;
  }
}

function translated(error: unknown, context: ErrorContext): unknown {
  if (!(error instanceof Error) || error instanceof SocketError) return error;
  const bad = badHost(error, context);
  if (bad !== undefined) return bad;
  const { name, message } = error;
  const code = "code" in error && typeof error.code === "string"
    ? error.code
    : "";
  // Deno has no class of its own for EINVAL; any other such error is a caller's.
  const isArgument = error instanceof TypeError || error instanceof RangeError;
  if (isArgument && code !== "EINVAL") return error;
  const start = describe(context);
  const { operation, localAddr, remoteAddr } = context;
  const options = { operation, localAddr, remoteAddr, cause: error };
  switch (name) {
    case "Interrupted":
    case "BadResource":
      return new ClosedError(`${start}: this side closed it`, options);
    case "Busy":
      return new BusyError(`${start}: another task is using it`, options);
    case "NotCapable": {
      const flags = missingFlags(message);
      const advice = flags.length === 0
        ? message
        : `run again with ${flags.join(" ")}`;
      return new PermissionError(flags, `${start}: ${advice}`, options);
    }
    case "NotConnected":
      // Without an errno it is TLS, after this side's own closeWrite.
      if (message === "not connected") {
        return new ClosedError(`${start}: this side has ended`, options);
      }
  }
  // An error with a number of the system is about the connection, and not about TLS.
  if (!/ \(os error \d+\)$/.test(message)) {
    const tls = translateTls(error, code, start, options);
    if (tls !== undefined) return tls;
  }
  let reason: BrokenReason | undefined = BY_CODE[code];
  reason ??= Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (/^failed to lookup address/.test(message)) reason = "dns";
  // What `node:net` (Deno 2.9) makes of an address that is not this machine's.
  if (/^listen EINVAL/.test(message)) reason = "not-available";
  if (reason !== undefined && reason !== "other") {
    const what = reason === "not-found" && operation === "listen"
      ? "no such path (the folder of the socket must exist)"
      : EXPLANATIONS[reason];
    return new BrokenError(reason, `${start}: ${what}`, options);
  }
  // Any other errno is an error of the system; what has none is passed on as it is.
  const [, errno] = /^(.*) \(os error \d+\)$/.exec(message) ?? [];
  if (errno === undefined && !/^E[A-Z0-9]+$/.test(code)) return error;
  const what = (errno ?? message).replace(
    /^[A-Z](?![A-Z])/,
    (letter) => letter.toLowerCase(),
  );
  return new BrokenError("other", `${start}: ${what}`, options);
}
