/**
 * The options of connecting to one of several hosts, checked before anything is touched.
 *
 * Apart from those of one host, as `connect` loads it only where it is given several.
 *
 * @module
 */

import {
  checkBoolean,
  checkInteger,
  checkMethods,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  wrongKind,
} from "../_check.ts";
import { checkClientTls, optional } from "./_check_options.ts";
import { checkHostname } from "./check_address.ts";
import type { DialHost, HostsDialOptions } from "./options.ts";

const ACTION = "connect";

const HOST_NAMES: ReadonlySet<string> = new Set(
  ["hostname", "port", "transport"] satisfies (keyof DialHost)[],
);

/** Throws unless there can be connections to these. */
export function checkHosts(options: HostsDialOptions): void {
  const { hosts, order, hostDelayMs, dialer } = options;
  const { noDelay, keepAlive, tls, proxyProtocol } = options;
  const given = options as unknown as Record<string, unknown>;
  for (const name of ["hostname", "port", "path", "transport"]) {
    if (given[name] !== undefined) {
      throw wrongKind(ACTION, name, "absent beside hosts", given[name]);
    }
  }
  if (!Array.isArray(hosts) || hosts.length === 0) {
    throw wrongKind(ACTION, "hosts", "an array of at least one host", hosts);
  }
  // Also where the array has holes.
  for (const [index, host] of hosts.entries()) checkHost(host, index);
  if (order !== undefined) {
    checkOneOf(ACTION, "order", order, ["random", "given"]);
  }
  if (hostDelayMs !== undefined) {
    checkNumber(ACTION, "hostDelayMs", hostDelayMs, 0);
  }
  for (const [name, value] of Object.entries({ noDelay, keepAlive })) {
    if (value === undefined) continue;
    checkBoolean(ACTION, name, value);
    if (dialer === undefined) continue;
    throw wrongKind(ACTION, name, "absent beside dialer", value);
  }
  if (dialer !== undefined) checkMethods(ACTION, "dialer", dialer, ["dial"]);
  checkClientTls(ACTION, tls);
  optional(checkObject, ACTION, "proxyProtocol", proxyProtocol);
}

function checkHost(host: DialHost, index: number): void {
  const name = `hosts[${index}]`;
  checkNames(ACTION, name, host, HOST_NAMES);
  const { hostname, port, transport } = host;
  optional(checkHostname, ACTION, `${name}.hostname`, hostname);
  checkInteger(ACTION, `${name}.port`, port, 1, 65_535);
  if (transport !== undefined) {
    checkOneOf(ACTION, `${name}.transport`, transport, ["tcp"]);
  }
}
