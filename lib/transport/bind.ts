/**
 * Listening: TCP, TLS or Unix, or on a descriptor, with one call.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { addressOf } from "./check_address.ts";
import { checkBindOptions } from "./_check_options.ts";
import { bindDescriptor } from "./_descriptor.ts";
import type {
  AcceptedTransport,
  Acceptor,
  BindOptions,
  BoundAddr,
  NewCertificate,
} from "./options.ts";
import { bindTcp } from "./_tcp.ts";
import { bindTls, bindTlsOver, ServerTls } from "./_tls.ts";
import { translateError } from "./translate_error.ts";
import { bindUnix } from "./_unix.ts";

/**
 * Listens. Accepted TCP connections have `noDelay` and `keepAlive` set already.
 *
 * @throws {TypeError} An option is of the wrong type, or `hostname` cannot be a host, or
 * two options cannot hold together.
 * @throws {RangeError} `port`, `path` or `mode` is out of range.
 * @throws {BrokenError} The address is in use or not this machine's, or a descriptor is not
 * a socket that listens; see `reason`. For a Unix socket whose file is there it takes asking:
 * see `Acceptor.ready`.
 * @throws {TlsError} The certificate or the key cannot be used.
 * @throws {PermissionError} Deno denies it; see `flags`.
 */
export function bind<Options extends BindOptions>(
  options: Options,
): Acceptor<BoundAddr<Options>> {
  const checked = checkBindOptions(options);
  try {
    // A conditional type cannot follow the branches in there.
    return open(checked) as Acceptor<BoundAddr<Options>>;
  } catch (error) {
    throw translateError(error, {
      operation: "listen",
      localAddr: addressOf(checked),
    });
  }
}

/** An acceptor of plain connections, and what speaks TLS on them. */
export interface PlainBinding {
  /** Where the connections come from. */
  acceptor: Acceptor<Addr>;
  /**
   * Makes a connection speak TLS, where that is asked for. The handshake is yet to come.
   * A connection of which no session can be made is closed.
   */
  secure?:
    | ((conn: AcceptedTransport) => Promise<AcceptedTransport>)
    | undefined;
  /** Another certificate, as of `Acceptor`. */
  setCertificate?: ((certificate: NewCertificate) => void) | undefined;
}

/**
 * Listens, as {@linkcode bind}, but leaves TLS for later: what comes first on each
 * connection is a PROXY header, in plain text. TLS is that of `node:tls` then, as Deno's own
 * cannot begin later.
 *
 * @throws As {@linkcode bind}.
 */
export function bindPlain(options: BindOptions): PlainBinding {
  const { tls, ...plain } = checkBindOptions(options);
  const below = plain as BindOptions;
  if (tls === undefined) {
    return { acceptor: bind(below) };
  }
  try {
    // First: certificate and key are tried before the port is taken.
    const server = new ServerTls(tls);
    return {
      acceptor: bind(below),
      secure: (conn) => server.session(conn),
      setCertificate: (certificate) => server.setCertificate(certificate),
    };
  } catch (error) {
    const localAddr = addressOf(below);
    throw translateError(error, { operation: "listen", localAddr });
  }
}

function open(options: BindOptions): Acceptor<Addr> {
  const { tls } = options;
  if (options.acceptor !== undefined) {
    return tls === undefined
      ? options.acceptor
      : bindTlsOver(options.acceptor, tls);
  }
  if (options.path !== undefined) {
    return tls === undefined
      ? bindUnix(options)
      : bindTlsOver(() => bindUnix(options), tls);
  }
  if (options.listenFd !== undefined) {
    return tls === undefined
      ? bindDescriptor(options)
      : bindTlsOver(() => bindDescriptor(options), tls);
  }
  return tls === undefined ? bindTcp(options) : bindTls(options, tls);
}
