/**
 * The options of sockets and peers, checked before anything is opened.
 *
 * @module
 */

import {
  checkBoolean,
  checkInteger,
  checkLimit,
  checkMethods,
  checkNames,
  checkOneOf,
  checkSignal,
  checkText,
  outOfRange,
  readOptions,
  wrongKind,
} from "../_check.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import {
  checkHostname,
  checkPath,
  isAbstract,
} from "../transport/check_address.ts";
import type {
  DatagramBackend,
  DatagramQueueOptions,
  UdpCarrierOptions,
  UdpOptions,
  UdpPeerOptions,
  UnixDatagramOptions,
  UnixPeerOptions,
} from "./options.ts";

/** Most bytes of a UDP datagram: 65,535 without the headers of IPv4 and UDP. */
export const MAX_UDP_BYTES = 65_507;

/** Most that a Unix socket is asked to receive. */
const MAX_UNIX_BYTES = 16 * 1024 * 1024;

const QUEUE_NAMES = [
  "maxQueuedDatagrams",
  "maxQueuedBytes",
  "onFull",
  "maxDatagramBytes",
  "maxPendingBytes",
  "signal",
] satisfies (keyof DatagramQueueOptions)[];

const CARRIER_NAMES = [
  "backend",
  "broadcast",
  "ttl",
  "multicastTtl",
  "multicastLoopback",
  "multicastInterface",
] satisfies (keyof UdpCarrierOptions)[];

/** All options of a socket. */
export const SOCKET_NAMES: ReadonlySet<string> = new Set([
  ...["hostname", "port", "path", "reuseAddress", "transport"],
  ...CARRIER_NAMES,
  ...QUEUE_NAMES,
]);

/** All options of a peer. */
export const PEER_NAMES: ReadonlySet<string> = new Set([
  ...["hostname", "port", "path", "transport"],
  ...["localHostname", "localPort", "localPath", "maxInFlight"],
  ...CARRIER_NAMES,
  ...QUEUE_NAMES,
]);

/** What cannot be meant beside a path. */
const ABSENT_BESIDE_PATH = [
  ...["hostname", "port", "reuseAddress", "localHostname", "localPort"],
  ...CARRIER_NAMES.filter((name) => name !== "backend"),
];

/** Limits of a queue, all of them. */
export type CheckedQueueOptions =
  & Required<Omit<DatagramQueueOptions, "signal">>
  & Pick<DatagramQueueOptions, "signal">;

type Options =
  | UdpOptions
  | UdpPeerOptions
  | UnixDatagramOptions
  | UnixPeerOptions;

/**
 * Throws unless a socket can be opened with these. Gives them as they were checked: the
 * object may change until the address is bound.
 */
export function checkDatagramOptions<
  Options extends UdpOptions | UnixDatagramOptions,
>(action: string, given: Options): Options {
  checkNames(action, "options", given, SOCKET_NAMES);
  const options = readOptions(given, SOCKET_NAMES);
  checkSocket(action, options);
  return options;
}

function checkSocket(
  action: string,
  options: UdpOptions | UnixDatagramOptions,
): void {
  if (options.path !== undefined) return checkUnix(action, options);
  const { hostname, port, reuseAddress } = options;
  if (hostname !== undefined) checkHostname(action, "hostname", hostname);
  checkInteger(action, "port", port, 0, 65_535);
  if (reuseAddress !== undefined) {
    checkBoolean(action, "reuseAddress", reuseAddress);
  }
  checkUdp(action, options);
}

/** Throws unless a peer can be opened with these. Gives them as they were checked. */
export function checkPeerOptions<
  Options extends UdpPeerOptions | UnixPeerOptions,
>(action: string, given: Options): Options {
  checkNames(action, "options", given, PEER_NAMES);
  const options = readOptions(given, PEER_NAMES);
  checkPeer(action, options);
  return options;
}

function checkPeer(
  action: string,
  options: UdpPeerOptions | UnixPeerOptions,
): void {
  const { maxInFlight = 1 } = options;
  checkLimit(action, "maxInFlight", maxInFlight, 1);
  if (options.path !== undefined) {
    checkFile(action, "localPath", options.localPath);
    return checkUnix(action, options);
  }
  const { hostname, port, localHostname, localPort = 0 } = options;
  if (hostname !== undefined) {
    checkHostname(action, "hostname", hostname);
    if (isMulticast(hostname)) {
      const must =
        "the address of one host (a group is answered from others: use a socket)";
      throw wrongKind(action, "hostname", must, hostname);
    }
  }
  checkInteger(action, "port", port, 1, 65_535);
  if (localHostname !== undefined) {
    checkHostname(action, "localHostname", localHostname);
  }
  checkInteger(action, "localPort", localPort, 0, 65_535);
  checkAbsent(action, options, ["localPath"], "port");
  checkUdp(action, options);
}

function checkUdp(action: string, options: UdpOptions | UdpPeerOptions): void {
  checkTransportName(action, options, "udp");
  const { backend = "auto", ...given } = options;
  if (typeof backend === "object" && backend !== null) {
    checkMethods(action, "backend", backend, ["bind"]);
  } else checkOneOf(action, "backend", backend, ["auto", "node", "deno"]);
  const { broadcast = false, multicastLoopback = false } = given;
  checkBoolean(action, "broadcast", broadcast);
  checkBoolean(action, "multicastLoopback", multicastLoopback);
  const { ttl = 1, multicastTtl = 1, multicastInterface = "::" } = given;
  checkInteger(action, "ttl", ttl, 1, 255);
  checkInteger(action, "multicastTtl", multicastTtl, 0, 255);
  checkText(action, "multicastInterface", multicastInterface);
  if (backend !== "auto" && backend !== "node") {
    checkAbsent(action, options, NODE_ONLY, `backend "deno"`);
  }
  checkQueueOptions(action, options, 65_535);
}

/** What `node:dgram` can do, and `Deno.listenDatagram` cannot. */
const NODE_ONLY = [
  "ttl",
  "multicastTtl",
  "multicastLoopback",
  "multicastInterface",
] as const satisfies (keyof UdpCarrierOptions)[];

/** Whether something is asked for that `node:dgram` alone can do. */
export function needsNode(options: UdpCarrierOptions): boolean {
  return NODE_ONLY.some((name) => options[name] !== undefined);
}

/** Whether it is a backend of the caller's own. */
export function isOwnBackend(backend: unknown): backend is DatagramBackend {
  return typeof backend === "object";
}

function checkUnix(
  action: string,
  options: UnixDatagramOptions | UnixPeerOptions,
): void {
  checkAbsent(action, options, ABSENT_BESIDE_PATH, "path");
  checkFile(action, "path", options.path);
  checkTransportName(action, options, "unixpacket");
  checkOneOf(action, "backend", options.backend ?? "auto", ["auto", "deno"]);
  checkQueueOptions(action, options, MAX_UNIX_BYTES);
}

function checkFile(
  action: string,
  name: string,
  path: unknown,
): asserts path is string {
  checkText(action, name, path);
  checkPath(action, path);
  if (isAbstract(path)) {
    // Two sockets have to be bound to it: see `_deno_backend.ts`.
    throw outOfRange(action, name, "that of a file", path);
  }
}

function checkQueueOptions(
  action: string,
  options: DatagramQueueOptions,
  maxBytes: number,
): void {
  const { maxDatagramBytes, onFull, signal, ...limits } = withDefaults(options);
  checkLimit(action, "maxQueuedDatagrams", limits.maxQueuedDatagrams, 1);
  checkLimit(action, "maxQueuedBytes", limits.maxQueuedBytes, 1);
  checkLimit(action, "maxPendingBytes", limits.maxPendingBytes, 1);
  checkInteger(action, "maxDatagramBytes", maxDatagramBytes, 1, maxBytes);
  checkOneOf(action, "onFull", onFull, ["drop-oldest", "drop-newest"]);
  if (signal !== undefined) checkSignal(action, "signal", signal);
}

/** The limits of a queue, with those that were not given. */
export function withDefaults(
  options: DatagramQueueOptions,
): CheckedQueueOptions {
  return {
    maxQueuedDatagrams: options.maxQueuedDatagrams ?? 1_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 4 * 1024 * 1024,
    onFull: options.onFull ?? "drop-oldest",
    maxDatagramBytes: options.maxDatagramBytes ?? MAX_UDP_BYTES,
    maxPendingBytes: options.maxPendingBytes ?? 16 * 1024 * 1024,
    signal: options.signal,
  };
}

function checkAbsent(
  action: string,
  options: Options,
  names: readonly string[],
  beside: string,
): void {
  for (const name of names) {
    const value = (options as unknown as Record<string, unknown>)[name];
    if (value !== undefined) {
      throw wrongKind(action, name, `absent beside ${beside}`, value);
    }
  }
}

/** An address has one: it must be the right one. */
function checkTransportName(
  action: string,
  options: object,
  choice: string,
): void {
  const { transport = choice } = options as { transport?: unknown };
  checkOneOf(action, "transport", transport, [choice]);
}

/** Whether it is the address of a multicast group. */
export function isMulticast(hostname: string): boolean {
  const bytes = parseIp(withoutBrackets(hostname));
  if (bytes === undefined) return false;
  return bytes.length === 4 ? bytes[0] >> 4 === 0xe : bytes[0] === 0xff;
}

/** Whether it is the address of this machine alone. */
export function isLoopback(hostname: string): boolean {
  const bytes = parseIp(withoutBrackets(hostname));
  if (bytes === undefined) return hostname === "localhost";
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
