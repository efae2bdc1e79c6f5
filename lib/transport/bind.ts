/**
 * Listening: TCP, TLS or Unix, with one call.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { addressOf } from "./_address_of.ts";
import { checkBindOptions } from "./_check_options.ts";
import { bindTcp } from "./_tcp.ts";
import { bindTls } from "./_tls.ts";
import { bindUnix } from "./_unix.ts";
import type { PeerCertificate, TlsBindOptions } from "./tls_options.ts";
import { translateError } from "./translate_error.ts";
import type { Transport } from "./transport.ts";

/** Where to listen for TCP or TLS. */
export interface TcpBindOptions {
  /**
   * Address to listen on: `"0.0.0.0"` or `"::"` lets the world in.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /** Port to listen on; 0 for one that is free. */
  port: number;
  /**
   * Sends small writes at once (no Nagle). Deno's own TLS cannot: there, what follows a
   * write that the client has yet to confirm waits up to 40 ms, as do messages of more
   * than 16 KiB. `true`, said in so many words, runs TLS on `node:tls`, which takes two
   * to three times the CPU time.
   *
   * @default {true, but for TLS}
   */
  noDelay?: boolean;
  /**
   * Lets the system ask a silent client now and then whether it is still there. With
   * TLS it takes `node:tls`, as `noDelay` does.
   *
   * @default {false}
   */
  keepAlive?: boolean;
  /** Speaks TLS, with this certificate. Not by default. */
  tls?: TlsBindOptions;
}

/** Where to listen on a Unix socket. */
export interface UnixBindOptions {
  /**
   * Path of the socket. A socket file there that nobody listens on any more is
   * replaced; nothing else is.
   */
  path: string;
  /**
   * Who may connect, for instance `0o660`. By default what the umask says. Without
   * `--allow-sys` it is set right after the socket was made, not in the same step.
   */
  mode?: number;
}

/** Listening on something of your own: see `Acceptor`. */
export interface AcceptorOptions {
  /** Yields the connections, and belongs to the listener from now on. */
  acceptor: Acceptor;
}

/** Where to listen. */
export type BindOptions = TcpBindOptions | UnixBindOptions | AcceptorOptions;

/** A connection that came in. */
export interface AcceptedTransport extends Transport {
  /**
   * Shakes hands, where the transport speaks TLS. Until then nothing can be read or
   * written. A silent client leaves it pending for ever; `close` ends it.
   */
  handshake?(): Promise<unknown>;
  /** The protocol that the handshake agreed on; `null` for none. */
  readonly alpnProtocol?: string | null;
  /** The client's certificate, where the server checks them; after the handshake. */
  readonly peerCertificate?: PeerCertificate | null;
}

/** What a listener asks for connections. */
export interface Acceptor {
  /** Where clients connect to; the port is the real one. */
  readonly addr: Addr;
  /**
   * Settles when it is known whether the address could be had; `undefined` where it
   * is known at once. Rejects as `accept` then does too.
   */
  readonly ready?: Promise<void> | undefined;
  /**
   * The next connection. One call at a time. Errors are Deno's own: `translateError`
   * tells a client that left (`reset`) and a shortage (`exhausted`), after which
   * accepting goes on, from the rest.
   */
  accept(): Promise<AcceptedTransport>;
  /** Stops listening; a pending `accept` rejects. Idempotent. */
  close(): void;
}

/**
 * Listens. Accepted TCP connections have `noDelay` and `keepAlive` set already.
 *
 * @throws {TypeError} An option is of the wrong type, or `hostname` cannot be a host.
 * @throws {RangeError} `port` or `mode` is out of range.
 * @throws {BrokenError} The address is in use or not this machine's; see `reason`. For
 * a Unix socket whose file is there it takes asking: see `Acceptor.ready`.
 * @throws {TlsError} The certificate or the key cannot be used.
 * @throws {PermissionError} Deno denies it; see `flags`.
 */
export function bind(options: BindOptions): Acceptor {
  checkBindOptions(options);
  if ("acceptor" in options) return options.acceptor;
  try {
    if ("path" in options) return bindUnix(options);
    return options.tls === undefined
      ? bindTcp(options)
      : bindTls(options, options.tls);
  } catch (error) {
    throw translateError(error, {
      operation: "listen",
      localAddr: addressOf(options),
    });
  }
}
