/**
 * What a socket may be told when it starts to speak TLS.
 *
 * @module
 */

import type { CallOptions } from "../time/call_limits.ts";
import type { TlsBindOptions, TlsDialOptions } from "../transport/options.ts";

/** How to speak TLS, and for how long to try. */
export type StartTlsOptions =
  & Pick<TlsDialOptions, "caCerts" | "alpnProtocols" | "serverName">
  & CallOptions;

/** With which certificate to speak TLS as a server, and for how long to try. */
export type AcceptTlsOptions = TlsBindOptions & CallOptions;
