/**
 * Which permissions datagrams take.
 *
 * @module
 */

import {
  checkBoolean,
  checkNames,
  checkObject,
  checkText,
  wrongKind,
} from "../_check.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import { isHostname } from "../addr.ts";
import {
  describeHost,
  describePath,
  flagsOf,
  type PermissionPlan,
  type PlannedDescriptor,
  valueOf,
} from "./permission_plan.ts";

/**
 * The part of the options of `datagram` that permissions depend on: any of those will do.
 *
 * @category Permissions
 */
export type PlannableDatagramOptions =
  | {
    /**
     * The address to bind.
     *
     * @default {"127.0.0.1"}
     */
    hostname?: string | undefined;
    /** The port to bind; 0 for one that is free. */
    port: number;
    /** Only `"deno"` takes a flag. */
    backend?: unknown;
    /** Absent: a port has no path. */
    path?: undefined;
  }
  | {
    /** Path of a Unix socket. */
    path: string;
    /** Unix sockets have no other. */
    backend?: unknown;
    /** Absent: a path has no host. */
    hostname?: undefined;
    /** Absent: a path has no port. */
    port?: undefined;
  };

/**
 * Where datagrams are going to be sent.
 *
 * @category Permissions
 */
export interface DatagramPermissionsOptions {
  /**
   * Where datagrams are sent, answers too: a host as text, for any of its ports, which is
   * what a server needs for its clients; a host and a port; or a path.
   *
   * @default {[]}
   */
  sendsTo?:
    | readonly (
      | string
      | { hostname?: string | undefined; port: number }
      | { path: string }
    )[]
    | undefined;
  /**
   * Whether any address may be sent to, which takes the whole of `--allow-net`.
   *
   * @default {false}
   */
  sendsAnywhere?: boolean | undefined;
}

const ACTION = "plan permissions";
const HOW_NAMES: ReadonlySet<string> = new Set(
  ["sendsTo", "sendsAnywhere"] satisfies (keyof DatagramPermissionsOptions)[],
);

/**
 * Plans the permissions for a socket of datagrams, and no more than that.
 *
 * Deno asks for the permission of each address that a datagram is sent to, answers too: a
 * server that has its own port alone can receive, and cannot answer. Receiving takes none
 * beside that of the port. A peer takes those of a socket on port 0 that sends to it.
 *
 * @param options What will be given to `datagram`.
 * @param how Where datagrams will be sent.
 * @returns Flags to type and descriptors to query; `--unstable-net` for Unix sockets and for
 * the backend `"deno"`.
 * @throws {TypeError} The host, the port or the path cannot be used, or an option is not
 * known.
 * @throws {RangeError} A port is out of range.
 * @category Permissions
 *
 * @example A server that answers clients of this machine
 * ```ts
 * import { permissionsForDatagrams } from "@sluice/net/permissions";
 * import { assertEquals } from "@std/assert";
 *
 * const plan = permissionsForDatagrams({ port: 53 }, { sendsTo: ["127.0.0.1"] });
 * assertEquals(plan.flags, ["--allow-net=127.0.0.1:53,127.0.0.1"]);
 * ```
 */
export function permissionsForDatagrams(
  options: PlannableDatagramOptions,
  how: DatagramPermissionsOptions = {},
): PermissionPlan {
  checkObject(ACTION, "options", options);
  checkNames(ACTION, "how", how, HOW_NAMES);
  const { sendsTo = [], sendsAnywhere = false } = how;
  checkBoolean(ACTION, "sendsAnywhere", sendsAnywhere);
  if (!Array.isArray(sendsTo)) {
    throw wrongKind(ACTION, "sendsTo", "an array", sendsTo);
  }
  const bound = describeBound(options);
  const sent = sendsTo.flatMap(describeTarget);
  const descriptors = sendsAnywhere
    ? [...[...bound, ...sent].filter(({ name }) => name !== "net"), ALL_OF_NET]
    : [...bound, ...sent];
  const isUnstable = options.path !== undefined || options.backend === "deno";
  return {
    purpose: `exchange datagrams on ${valueOf(bound.at(-1)!)}`,
    flags: flagsOf(descriptors),
    descriptors,
    unstable: isUnstable ? ["--unstable-net"] : [],
  };
}

/** Without a host it is about all of them. */
const ALL_OF_NET: PlannedDescriptor = { name: "net", host: undefined };

function describeBound(
  { hostname, port, path }: PlannableDatagramOptions,
): PlannedDescriptor[] {
  return path === undefined
    ? describeHost(hostname, port)
    : describePath(path, { hostname, port });
}

function describeTarget(
  target: unknown,
): PlannedDescriptor[] {
  if (typeof target === "string") return [describeWholeHost(target)];
  checkObject(ACTION, "each of sendsTo", target);
  const { hostname, port, path } = target as {
    hostname?: string;
    port?: number;
    path?: string;
  };
  if (path === undefined) return describeHost(hostname, port!);
  // Only a socket that is received from is read.
  return describePath(path, { hostname, port })
    .filter(({ name }) => name !== "read");
}

function describeWholeHost(text: string): PlannedDescriptor {
  checkText(ACTION, "each of sendsTo", text);
  const bare = withoutBrackets(text);
  const ip = parseIp(bare);
  if (ip === undefined && !isHostname(bare)) {
    throw wrongKind(ACTION, "each of sendsTo", "a host or an address", text);
  }
  return { name: "net", host: bare.includes(":") ? `[${bare}]` : bare };
}
