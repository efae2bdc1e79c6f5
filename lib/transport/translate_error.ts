/**
 * The one place that knows how Deno words its errors.
 *
 * A transport throws what its runtime throws; everything above sees only the classes
 * of `errors.ts`. Deno names most errors, gives some of them only an `errno` code, and
 * tells the rest apart by text alone, so three tables are asked in that order. The
 * tests provoke each of them for real: a Deno that words one differently is noticed.
 *
 * @module
 */

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
  localAddr?: Addr;
  /** The peer's address, where known. */
  remoteAddr?: Addr;
  /** What to name in the message where there is no address yet: `"localhost:80"`. */
  target?: string;
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

const EXPLANATIONS: Record<BrokenReason, string> = {
  "reset": "the peer must stay connected: it reset the connection",
  "broken-pipe": "the peer must still be reading: it no longer is",
  "refused": "something must listen there: nothing does",
  "unreachable": "the network must have a way there: it has none",
  "dns": "the name must have an address: it has none",
  "in-use": "the address must be free: somebody listens there already",
  "not-available": "the address must be one of this machine: it is not",
  "not-found": "the path must exist: it does not",
  "exhausted":
    "the backlog, descriptors or memory must have room: they are full",
  "write-cancelled": "every write must be whole: one was cut off",
  "other": "the system must allow it: it does not",
};

/** How rustls, inside Deno, words what is wrong with TLS. First match wins. */
const TLS_BY_MESSAGE: [RegExp, TlsReason, string][] = [
  [/: UnknownIssuer/, "unknown-issuer", "its certificate must be trusted"],
  [
    /not valid for name|NotValidForName/,
    "wrong-name",
    "its certificate must fit",
  ],
  [
    /certificate expired|: Expired/,
    "expired",
    "its certificate must be current",
  ],
  [
    /not valid yet|: NotValidYet/,
    "not-yet-valid",
    "its certificate must be valid",
  ],
  [/certificate: Revoked/, "revoked", "its certificate must not be revoked"],
  [
    /invalid peer certificate/,
    "bad-certificate",
    "its certificate must be fit",
  ],
  [/corrupt message/, "plaintext", "the peer must speak TLS"],
  [
    /NoApplicationProtocol|support any known protocol/,
    "no-protocol",
    "both sides must share an ALPN protocol",
  ],
  [
    /fatal alert: CertificateRequired|sent no certificates/,
    "client-certificate",
    "a client certificate must be shown",
  ],
  [/fatal alert/, "alert", "the peer must accept the session"],
  [
    /without sending TLS close_notify/,
    "truncated",
    "the peer must end with close_notify",
  ],
  [
    /^unexpected end of file|^tls handshake eof/,
    "closed-in-handshake",
    "the peer must stay until the handshake is over",
  ],
  [
    /No keys found|No certificates found|keys may not be consistent/,
    "bad-configuration",
    "certificate and key must be usable and belong together",
  ],
];

const PREPOSITIONS: [RegExp, string][] = [
  [/^connect|^write|^flush|^send|^closeWrite/, "to"],
  [/^read|^peek|^receive/, "from"],
  [/^listen|^accept|^serve/, "on"],
  [/^handshake|^startTls/, "with"],
];

/** `Cannot connect to 127.0.0.1:80`: the start of every message. */
function describe(context: ErrorContext): string {
  const { operation, target, remoteAddr, localAddr } = context;
  const addr = remoteAddr ?? localAddr;
  const where = target ??
    (addr === undefined ? undefined : formatAddress(addr));
  if (where === undefined) return `Cannot ${operation}`;
  const preposition = PREPOSITIONS.find(([verb]) => verb.test(operation));
  return `Cannot ${operation} ${preposition?.[1] ?? "at"} ${where}`;
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
  start: string,
  options: SocketErrorOptions,
): TlsError | undefined {
  const known = TLS_BY_MESSAGE.find(([text]) => text.test(error.message));
  if (known !== undefined) {
    const [, reason, need] = known;
    return new TlsError(
      reason,
      `${start} as ${need}: ${error.message}`,
      options,
    );
  }
  // Only TLS gives these two on a socket.
  if (error.name !== "InvalidData" && error.name !== "UnexpectedEof") return;
  const message = `${start} as TLS must succeed: ${error.message}`;
  return new TlsError("other", message, options);
}

/**
 * Turns what a transport threw into an error of this library, with the original as
 * its `cause`.
 *
 * Untouched are errors of this library, `TypeError`, `RangeError`, and whatever is
 * not an error of the runtime at all: an abort reason stays the caller's own.
 *
 * @param error What was thrown.
 * @param context What was being done, and between whom.
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
  if (!(error instanceof Error) || error instanceof SocketError) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const start = describe(context);
  const { operation, localAddr, remoteAddr } = context;
  const options = { operation, localAddr, remoteAddr, cause: error };
  const { name, message } = error;
  const code: unknown = "code" in error ? error.code : undefined;
  // A host name that cannot be one is a bad argument, not a bad network.
  if (error instanceof URIError) {
    const text =
      `${start} as the host must be a name or an address: ${message}`;
    return new TypeError(text, { cause: error });
  }
  switch (name) {
    case "Interrupted":
    case "BadResource":
      return new ClosedError(
        `${start} as it must be open: it was closed`,
        options,
      );
    case "Busy":
      return new BusyError(
        `${start} as one task at a time must use it: another one does`,
        options,
      );
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
        return new ClosedError(
          `${start} as this side must be open: it was ended`,
          options,
        );
      }
  }
  const tls = translateTls(error, start, options);
  if (tls !== undefined) return tls;
  let reason = typeof code === "string" ? BY_CODE[code] : undefined;
  reason ??= Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (/^failed to lookup address/.test(message)) reason = "dns";
  if (reason === undefined) {
    // Some other errno is still the system speaking; anything else is not ours.
    if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
    const text = `${start} as ${EXPLANATIONS.other}: ${message}`;
    return new BrokenError("other", text, options);
  }
  const text = `${start} as ${EXPLANATIONS[reason]}: ${message}`;
  return new BrokenError(reason, text, options);
}
