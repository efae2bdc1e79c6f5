/**
 * Addresses in options: checked before anything is opened, those of streams and of datagrams
 * alike, and as errors name them before there is a real one.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { checkText, outOfRange, wrongKind } from "../_check.ts";
import { isLinkLocal, parseIp, withoutBrackets } from "../ip.ts";
import type { BindOptions, DialOptions } from "./options.ts";

/** Throws unless it can be a host to connect to or to listen on. */
export function checkHostname(
  action: string,
  name: string,
  value: unknown,
): void {
  if (typeof value !== "string" || value === "") {
    throw wrongKind(action, name, "a name or an address", value);
  }
  const host = withoutBrackets(value);
  if (isLinkLocal(host) && !host.includes("%")) {
    // Deno says "Invalid argument (os error 22)".
    const must = `link-local with its zone, as in "${host}%eth0"`;
    throw wrongKind(action, name, must, value);
  }
}

/**
 * Whether Deno takes it for a host: an address, or labels of letters, digits, `-` and `_`
 * between dots. `node:dns` and `node:net` ask the resolver for anything.
 */
export function isHost(hostname: string): boolean {
  const host = withoutBrackets(hostname);
  return /^([\w-]+\.)*[\w-]+\.?$/.test(host) || parseIp(host) !== undefined;
}

/** What fits into a `sockaddr_un`, without the NUL behind a path. */
const MAX_PATH_BYTES = Deno.build.os === "linux" ? 107 : 103;

/** Whether it names a Unix socket that has no file: Linux alone knows those. */
export function isAbstract(path: string): boolean {
  return path.startsWith("\0");
}

/** Throws unless it can be the path, or the abstract name, of a Unix socket. */
export function checkPath(
  action: string,
  path: unknown,
): asserts path is string {
  checkText(action, "path", path);
  const name = isAbstract(path) ? path.slice(1) : path;
  if (isAbstract(path) && Deno.build.os !== "linux") {
    throw outOfRange(action, "path", "that of a file but on Linux", path);
  }
  if (name.includes("\0") || name === "") {
    throw outOfRange(action, "path", "without NUL characters", path);
  }
  if (!name.isWellFormed()) {
    throw outOfRange(action, "path", "text without lone surrogates", path);
  }
  const { length } = new TextEncoder().encode(name);
  if (length > MAX_PATH_BYTES) {
    throw outOfRange(
      action,
      "path",
      `at most ${MAX_PATH_BYTES} bytes long`,
      length,
    );
  }
}

/** The host to connect to or to listen on, as Deno and TLS want it. */
export function hostOf({ hostname = "127.0.0.1" }: {
  hostname?: string;
}): string {
  return withoutBrackets(hostname);
}

/** The address that options ask for, for errors; if there is one. */
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
