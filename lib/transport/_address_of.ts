/**
 * The address that options ask for.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { withoutBrackets } from "../ip.ts";
import type { BindOptions, DialOptions } from "./options.ts";

/** The host to connect to or to listen on, as Deno and TLS want it. */
export function hostOf({ hostname = "127.0.0.1" }: {
  hostname?: string;
}): string {
  return withoutBrackets(hostname);
}

/** The address that options ask for, for errors before there is a real one; if there is one. */
export function addressOf(
  options: DialOptions | BindOptions,
): Addr | undefined {
  const { path, port } = options;
  if (path !== undefined) return { transport: "unix", path };
  if (port !== undefined) {
    return { transport: "tcp", hostname: hostOf(options), port };
  }
  return (options as { dialer?: { addr: Addr } }).dialer?.addr;
}
