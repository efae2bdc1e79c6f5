/**
 * Addresses: what a socket says about its two ends, and how people write them.
 *
 * @module
 */

import { checkObject, outOfRange, show } from "./_check.ts";
import { parseIp, withoutBrackets } from "./ip.ts";

const ACTION = "parse the address";

/**
 * The address of an end of an in-memory connection.
 *
 * @category Addresses
 */
export interface MemoryAddr {
  /** Always `"memory"`. */
  transport: "memory";
  /** A name, for messages and events. */
  name: string;
}

/**
 * The address of an end of a stream that is no socket, such as a WebSocket.
 *
 * @category Addresses
 */
export interface StreamAddr {
  /** Always `"stream"`. */
  transport: "stream";
  /** A name, for messages and events. */
  name: string;
}

/**
 * The address of one end of a connection: TCP and TLS, Unix, memory, or a stream.
 *
 * @category Addresses
 */
export type Addr =
  // As `Deno.Addr`, spelt out: other runtimes know no such type.
  | { transport: "tcp" | "udp"; hostname: string; port: number }
  | { transport: "unix" | "unixpacket"; path: string }
  | { transport: "vsock"; cid: number; port: number }
  | MemoryAddr
  | StreamAddr;

/**
 * What {@linkcode parseAddress} makes of an address: options for `connect`, and
 * without `tls` for `listen` and `serve` too, which need a certificate for that.
 *
 * Where the text is known to the compiler, so is the shape; otherwise it is one of
 * the three.
 *
 * @category Addresses
 */
export type ParsedAddress<Text extends string = string> = string extends Text ?
    | { hostname: string; port: number }
    | { hostname: string; port: number; tls: true }
    | { path: string }
  : Text extends `unix:${string}` | `unix-abstract:${string}` ? { path: string }
  : Text extends `tls://${string}`
    ? { hostname: string; port: number; tls: true }
  : { hostname: string; port: number };

/**
 * What {@linkcode formatAddress} takes: an address, or options with one.
 *
 * @category Addresses
 */
export type FormattableAddress =
  | Addr
  | {
    hostname?: string | undefined;
    port: number;
    tls?: unknown;
    path?: undefined;
  }
  | { path: string };

/**
 * Reads an address as people write it.
 *
 * | text | result |
 * | --- | --- |
 * | `127.0.0.1:80`, `localhost:80`, `tcp://localhost:80` | `{ hostname, port }` |
 * | `[::1]:80`, `[fe80::1%eth0]:80` | `{ hostname, port }`, no brackets |
 * | `tls://example.com:443` | `{ hostname, port, tls: true }` |
 * | `unix:/run/x.sock`, `unix:///run/x.sock`, `unix:x.sock` | `{ path }` |
 * | `unix-abstract:x` | `{ path: "\\0x" }`, a name without a file (Linux) |
 *
 * Nothing is guessed, neither a port nor a host, and nothing is looked up. What
 * systems disagree about is refused: `127.1`, `010.0.0.1`, `[::1`, spaces.
 *
 * @param address What to read. Port 0 is fine.
 * @returns Options to spread into those of `connect`, `listen` or `serve`.
 * @throws {TypeError} It is not an address.
 * @throws {RangeError} The port is not from 0 to 65535.
 * @category Addresses
 *
 * @example
 * ```ts
 * import { parseAddress } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseAddress("[::1]:80"), { hostname: "::1", port: 80 });
 * assertEquals(parseAddress("unix:/run/x.sock"), { path: "/run/x.sock" });
 * assertEquals(parseAddress("tls://example.com:443"), {
 *   hostname: "example.com",
 *   port: 443,
 *   tls: true,
 * });
 * ```
 */
export function parseAddress<Text extends string>(
  address: Text,
): ParsedAddress<Text> {
  // A conditional type cannot follow the branches in there.
  return parse(address) as ParsedAddress<Text>;
}

function parse(address: string): ParsedAddress {
  if (typeof address !== "string") fail("it", "be a string", address);
  // deno-lint-ignore no-control-regex
  if (/[\0-\x1f\x7f]/.test(address)) {
    fail("it", "have no control characters", address);
  }
  if (address.startsWith("unix:")) {
    return { path: parsePath(address, /^unix:(\/\/)?/) };
  }
  if (address.startsWith("unix-abstract:")) {
    return { path: `\0${parsePath(address, /^unix-abstract:/)}` };
  }
  const [, scheme = "tcp", rest] = /^(?:([^:/]*):\/\/)?(.*)$/.exec(address)!;
  if (scheme !== "tcp" && scheme !== "tls") {
    fail("its scheme", "be tcp://, tls:// or unix:", address);
  }
  const { hostname, port } = parseHostAndPort(rest, address);
  return scheme === "tls" ? { hostname, port, tls: true } : { hostname, port };
}

function parsePath(address: string, scheme: RegExp): string {
  const path = address.replace(scheme, "");
  if (path === "") fail("its path", "not be empty", address);
  return path;
}

function parseHostAndPort(
  text: string,
  address: string,
): { hostname: string; port: number } {
  if (text.startsWith("[")) {
    const [, hostname, rest] = /^\[([^\]]*)\](.*)$/.exec(text) ?? [];
    if (hostname === undefined || !isIpv6(hostname)) {
      fail("what is in brackets", "be an IPv6 address", address);
    }
    return { hostname, port: parsePort(rest, address) };
  }
  const colon = text.indexOf(":");
  const hostname = colon === -1 ? text : text.slice(0, colon);
  const rest = colon === -1 ? "" : text.slice(colon);
  if (rest.includes(":", 1)) {
    fail("its host", "be in brackets where it is IPv6", address);
  }
  if (!isHostname(hostname)) fail("its host", "be a name or an IP", address);
  return { hostname, port: parsePort(rest, address) };
}

function parsePort(text: string, address: string): number {
  if (!/^:-?[0-9]+$/.test(text)) {
    fail("its host", "be followed by a colon and a port", address);
  }
  const port = Number(text.slice(1));
  if (port < 0 || port > 65_535) {
    throw outOfRange(ACTION, "its port", "from 0 to 65535", address);
  }
  return port;
}

function isIpv6(text: string): boolean {
  return text.includes(":") && parseIp(text) !== undefined;
}

/** A dotted IPv4 address, or a name that no resolver takes for one. */
export function isHostname(text: string): boolean {
  if (text.length > 253) return false;
  if (!/^([\w-]{1,63}\.)*[\w-]{1,63}\.?$/.test(text)) return false;
  const last = text.replace(/\.$/, "").split(".").at(-1)!;
  // "127.1" and "0x7f.1" are 127.0.0.1 to some systems.
  const looksNumeric = /^(\d+|0x[\da-f]*)$/i.test(last);
  return !looksNumeric || parseIp(text) !== undefined;
}

function fail(subject: string, need: string, address: unknown): never {
  throw new TypeError(
    `Cannot ${ACTION}: ${subject} must ${need}, got ${show(address)}`,
  );
}

/**
 * Formats an address as one line, as {@linkcode parseAddress} reads it: `127.0.0.1:80`,
 * `[::1]:80`, `tls://example.com:443`, `unix:/run/x.sock`, `unix-abstract:x`. For
 * connections in memory it is `memory:` and their name, for streams that are no sockets
 * `stream:` and theirs.
 *
 * @param address An address of a socket, or options of `connect` or `listen`.
 * `hostname` is `127.0.0.1` by default, as it is there.
 * @returns The text.
 * @throws {TypeError} It is not an object.
 * @category Addresses
 *
 * @example
 * ```ts
 * import { formatAddress } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatAddress({ hostname: "::1", port: 80 }), "[::1]:80");
 * assertEquals(
 *   formatAddress({ transport: "unix", path: "/run/x.sock" }),
 *   "unix:/run/x.sock",
 * );
 * ```
 */
export function formatAddress(address: FormattableAddress): string {
  checkObject("format the address", "it", address);
  if ("path" in address && address.path !== undefined) {
    // The parser reads `///` as one slash, so a path that begins with two is written with
    // four.
    const { path } = address;
    // A client that did not bind has none: Deno says null, whatever its types say.
    if (path === null) return "unix:";
    if (path.startsWith("\0")) return `unix-abstract:${path.slice(1)}`;
    return path.startsWith("//") ? `unix://${path}` : `unix:${path}`;
  }
  if ("name" in address) return `${address.transport}:${address.name}`;
  if ("cid" in address) return `vsock:${address.cid}:${address.port}`;
  const { hostname = "127.0.0.1", port } = address;
  const bare = withoutBrackets(hostname);
  const host = bare.includes(":") ? `[${bare}]` : bare;
  const isTls = "tls" in address && Boolean(address.tls);
  return `${isTls ? "tls://" : ""}${host}:${port}`;
}
