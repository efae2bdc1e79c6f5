/**
 * Names of the options of simulated listeners, servers and clients: those of the real ones, but
 * for what the network decides.
 *
 * @module
 */

import { SOCKET_NAMES } from "../datagram/check_options.ts";
import { LISTEN_OPTION_NAMES } from "../server/listen.ts";
import { SERVE_OPTION_NAMES } from "../server/check_options.ts";
import { CONNECT_OPTION_NAMES } from "../socket/connect.ts";

type Names = ReadonlySet<string>;

const without = (names: Names, ...decided: string[]): Names =>
  names.difference(new Set(decided));

const withName = (names: Names, ...decided: string[]): Names =>
  without(names, ...decided).union(new Set(["name"]));

/** Of {@linkcode MemoryListenOptions}. */
export const MEMORY_LISTEN_NAMES: Names = withName(
  LISTEN_OPTION_NAMES,
  "acceptor",
);

/** Of {@linkcode MemoryServeOptions}. */
export const MEMORY_SERVE_NAMES: Names = withName(
  SERVE_OPTION_NAMES,
  "acceptor",
);

/** Of {@linkcode MemoryConnectOptions}. */
export const MEMORY_CONNECT_NAMES: Names = withName(
  CONNECT_OPTION_NAMES,
  "dialer",
).union(new Set(["from"]));

/** Of {@linkcode HostListenOptions}: a host has one name. */
export const HOST_LISTEN_NAMES: Names = without(MEMORY_LISTEN_NAMES, "name");

/** Of {@linkcode HostServeOptions}. */
export const HOST_SERVE_NAMES: Names = without(MEMORY_SERVE_NAMES, "name");

/** Of {@linkcode HostConnectOptions}. */
export const HOST_CONNECT_NAMES: Names = without(MEMORY_CONNECT_NAMES, "from");

/** Of {@linkcode HostDatagramOptions}. */
export const HOST_DATAGRAM_NAMES: Names = without(
  SOCKET_NAMES,
  "backend",
  "hostname",
);
