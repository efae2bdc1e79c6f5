/**
 * Listening: TCP, TLS or Unix, with one call.
 *
 * @module
 */

import { addressOf } from "./_address_of.ts";
import { checkBindOptions } from "./_check_options.ts";
import { bindTcp } from "./_tcp.ts";
import { bindTls } from "./_tls.ts";
import { bindUnix } from "./_unix.ts";
import type { Acceptor, BindOptions } from "./options.ts";
import { translateError } from "./translate_error.ts";

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
