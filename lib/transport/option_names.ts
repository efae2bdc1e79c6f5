/**
 * The names of all options of this folder, so that a misspelt one is refused.
 *
 * `connect`, `listen` and `serve` add their own and check all at once, with
 * `checkNames`; the options of TLS are checked here.
 *
 * @module
 */

import type {
  AcceptorOptions,
  DescriptorBindOptions,
  DialerOptions,
  HostsDialOptions,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
  UnixBindOptions,
  UnixDialOptions,
} from "./options.ts";

/** One name for each key of `T`: the compiler finds one that is missing. */
type Names<T> = Record<keyof T, true>;

const setOf = (names: Record<string, true>): ReadonlySet<string> =>
  new Set(Object.keys(names));

/** The union of several sets of names. */
export function namesOf(
  ...sets: readonly Iterable<string>[]
): ReadonlySet<string> {
  return new Set(sets.flatMap((names) => [...names]));
}

const dialNames: Names<
  TcpDialOptions & UnixDialOptions & DialerOptions & HostsDialOptions
> = {
  hostname: true,
  port: true,
  path: true,
  dialer: true,
  hosts: true,
  order: true,
  hostDelayMs: true,
  tls: true,
  proxyProtocol: true,
  noDelay: true,
  keepAlive: true,
  transport: true,
};

const bindNames: Names<
  TcpBindOptions & UnixBindOptions & DescriptorBindOptions & AcceptorOptions
> = {
  hostname: true,
  port: true,
  path: true,
  mode: true,
  acceptor: true,
  backlog: true,
  reusePort: true,
  listenFd: true,
  tls: true,
  noDelay: true,
  keepAlive: true,
  transport: true,
};

const tlsDialNames: Names<TlsDialOptions> = {
  caCerts: true,
  alpnProtocols: true,
  serverName: true,
  cert: true,
  key: true,
  verify: true,
  pinnedFingerprint256: true,
  dangerouslySkipChainCheck: true,
  allowTruncation: true,
};

const tlsBindNames: Names<TlsBindOptions> = {
  resolveCertificate: true,
  renewable: true,
  clientCertificate: true,
  cert: true,
  key: true,
  alpnProtocols: true,
  clientCaCerts: true,
  dropSilent: true,
  verify: true,
  pinnedFingerprint256: true,
  allowTruncation: true,
};

/** Names that `connect` knows where to connect to by. */
export const DIAL_OPTION_NAMES: ReadonlySet<string> = setOf(dialNames);

/** Names that `listen` and `serve` know where to listen by. */
export const BIND_OPTION_NAMES: ReadonlySet<string> = setOf(bindNames);

/** Names of a client's `tls`. */
export const TLS_DIAL_OPTION_NAMES: ReadonlySet<string> = setOf(tlsDialNames);

/** Names of a server's `tls`. */
export const TLS_BIND_OPTION_NAMES: ReadonlySet<string> = setOf(tlsBindNames);
