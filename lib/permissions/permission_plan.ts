/**
 * Which permissions a connection or a listener takes.
 *
 * @module
 */

import { type Addr, formatAddress, parseAddress } from "../addr.ts";
import {
  checkBoolean,
  checkInteger,
  checkNames,
  checkObject,
  checkOneOf,
  checkText,
  outOfRange,
  show,
  wrongKind,
} from "../_check.ts";
import { LISTEN_VARIABLES } from "../transport/listen_fds.ts";

/**
 * The part of the options of `connect`, `listen` and `serve` that permissions depend
 * on: any of those will do.
 *
 * @category Permissions
 */
export type PlannableOptions =
  | {
    /**
     * Name or address of the host. An IPv6 address may be in brackets.
     *
     * @default {"127.0.0.1"}
     */
    hostname?: string | undefined;
    /** Its port; 0 for a listener on one that is free. */
    port: number;
    /** TLS takes no permission of its own. */
    tls?: unknown;
    /** Absent: a path has no host. */
    path?: undefined;
    /** Absent: several hosts have their own names. */
    hosts?: undefined;
    /** What `connect` goes through, a proxy of `viaProxy` say: then only that is reached. */
    dialer?: PlannableDialer | undefined;
    /**
     * Whether the port is shared with other processes: Deno wants a flag for it.
     *
     * @default {false}
     */
    reusePort?: boolean | undefined;
    /** Absent: a descriptor has no host. */
    listenFd?: undefined;
  }
  | {
    /** Several hosts, all of which may be reached. */
    hosts: readonly {
      /**
       * Name or address of the host. An IPv6 address may be in brackets.
       *
       * @default {"127.0.0.1"}
       */
      hostname?: string | undefined;
      /** Its port. */
      port: number;
    }[];
    /** TLS takes no permission of its own. */
    tls?: unknown;
    /** What `connect` goes through: then only that is reached. */
    dialer?: PlannableDialer | undefined;
    /** Absent: see `hosts`. */
    hostname?: undefined;
    /** Absent: see `hosts`. */
    port?: undefined;
    /** Absent: see `hosts`. */
    path?: undefined;
    /** Absent: it is for `connect`. */
    listenFd?: undefined;
  }
  | {
    /** What `connect` goes through: then only that is reached. */
    dialer: PlannableDialer;
    /** Name or address of the host: the dialer's business. */
    hostname?: string | undefined;
    /** Its port: the dialer's business. */
    port?: number | undefined;
    /** TLS takes no permission of its own. */
    tls?: unknown;
    /** Absent: see `dialer`. */
    path?: undefined;
    /** Absent: see `dialer`. */
    hosts?: undefined;
    /** Absent: it is for `connect`. */
    listenFd?: undefined;
  }
  | {
    /** Path of a Unix socket. */
    path: string;
    /** TLS takes no permission of its own. */
    tls?: unknown;
    /** Absent: a host has no path. */
    hostname?: undefined;
    /** Absent: a Unix socket has no port. */
    port?: undefined;
    /** Absent: a path has no host. */
    hosts?: undefined;
    /** Absent: it connects to hosts. */
    dialer?: undefined;
    /** Absent: a descriptor has no path. */
    listenFd?: undefined;
  }
  | {
    /**
     * A descriptor that another process has opened: its number, which takes no permission,
     * or its name, which takes those to read how systemd calls them.
     */
    listenFd: number | string;
    /** TLS takes no permission of its own. */
    tls?: unknown;
    /** Absent: the socket has its address. */
    hostname?: undefined;
    /** Absent: the socket has its address. */
    port?: undefined;
    /** Absent: the socket has its address. */
    path?: undefined;
    /** Absent: it is not for `connect`. */
    hosts?: undefined;
    /** Absent: it is not for `connect`. */
    dialer?: undefined;
  };

/**
 * The part of a `Dialer` that permissions depend on.
 *
 * @category Permissions
 */
export interface PlannableDialer {
  /**
   * What it connects to: a proxy, say. One in memory takes no permission.
   */
  readonly addr: Addr;
}

/**
 * What is going to be done with the options.
 *
 * @category Permissions
 */
export type PlannedAction = "connect" | "listen";

/**
 * Options of {@linkcode permissionsFor}.
 *
 * @category Permissions
 */
export interface PermissionsForOptions {
  /**
   * What the options are for; only words in messages depend on it. By default the
   * messages say "use".
   */
  action?: PlannedAction | undefined;
}

/**
 * A permission that can be asked for, and written as a flag.
 *
 * @category Permissions
 */
export type PlannedDescriptor =
  | Deno.NetPermissionDescriptor & { host: string | undefined }
  | Deno.EnvPermissionDescriptor & { variable: string }
  | Deno.ReadPermissionDescriptor & { path: string }
  | Deno.WritePermissionDescriptor & { path: string };

/**
 * What a connection or a listener takes: as command-line flags, and as what
 * `Deno.permissions` understands. Made by {@linkcode permissionsFor}.
 *
 * @category Permissions
 *
 * @example
 * ```ts
 * import { type PermissionPlan, permissionsFor } from "@sluice/net/permissions";
 * import { assertEquals } from "@std/assert";
 *
 * const plan: PermissionPlan = permissionsFor({ port: 8888 });
 * assertEquals(plan.descriptors, [{ name: "net", host: "127.0.0.1:8888" }]);
 * ```
 */
export interface PermissionPlan {
  /** What it is for, for instance `"listen on 127.0.0.1:8888"`. */
  readonly purpose: string;
  /** The permission flags that suffice and of which none can be left out. */
  readonly flags: readonly string[];
  /** The same permissions, as `Deno.permissions.query` takes them. */
  readonly descriptors: readonly PlannedDescriptor[];
  /** Flags of unstable features that it takes beside the permissions: that of `reusePort`. */
  readonly unstable: readonly string[];
}

/**
 * Plans the permissions for a connection or a listener, and no more than that.
 *
 * Nothing is asked, looked up or opened. Deno compares the host as it is written,
 * so `localhost` takes another flag than `127.0.0.1`, and each port takes its own:
 * port 0 is written as such. A Unix socket takes three permissions, for its whole
 * path. Of several hosts each takes its own. Through a dialer, such as that of `viaProxy`,
 * only its own address is reached. Reading certificate files is not part of it.
 *
 * @param options What will be given to `connect`, `listen` or `serve`.
 * @param how What for, so that messages can say so.
 * @returns Flags to type and descriptors to query.
 * @throws {TypeError} The host or the port cannot be used, there is a host beside a
 * path, or the path has a comma, which Deno's flags cannot express.
 * @throws {RangeError} The port is out of range.
 * @category Permissions
 *
 * @example
 * ```ts
 * import { permissionsFor } from "@sluice/net/permissions";
 * import { assertEquals } from "@std/assert";
 *
 * const { flags } = permissionsFor({ port: 8888 }, { action: "listen" });
 * assertEquals(flags, ["--allow-net=127.0.0.1:8888"]);
 *
 * assertEquals(permissionsFor({ path: "/run/x.sock" }).flags, [
 *   "--allow-read=/run/x.sock",
 *   "--allow-write=/run/x.sock",
 *   "--allow-net=unix:/run/x.sock",
 * ]);
 * ```
 */
export function permissionsFor(
  options: PlannableOptions,
  how: PermissionsForOptions = {},
): PermissionPlan {
  checkObject(ACTION, "options", options);
  checkNames(ACTION, "how", how, HOW_NAMES);
  const { action } = how;
  if (action !== undefined) {
    checkOneOf(ACTION, "action", action, ["connect", "listen"]);
  }
  const { descriptors, target } = describe(options);
  const { reusePort } = options as { reusePort?: unknown };
  if (reusePort !== undefined) checkBoolean(ACTION, "reusePort", reusePort);
  return {
    purpose: `${phrase(action)} ${target}`,
    flags: flagsOf(descriptors),
    descriptors,
    unstable: reusePort === true ? ["--unstable-net"] : [],
  };
}

/** The permissions, and what to call that which they are for. */
interface Description {
  descriptors: PlannedDescriptor[];
  target: string;
}

function describe(options: PlannableOptions): Description {
  const { path, hostname, port, hosts, dialer, listenFd } = options;
  if (listenFd !== undefined) {
    checkAbsent("listenFd", { path, hostname, port, hosts, dialer });
    return describeDescriptor(listenFd);
  }
  if (dialer !== undefined) {
    checkAbsent("dialer", { path });
    return describeDialer(dialer);
  }
  if (hosts !== undefined) {
    checkAbsent("hosts", { path, hostname, port });
    return describeHosts(hosts);
  }
  const descriptors = path === undefined
    ? describeHost(hostname, port)
    : describePath(path, { hostname, port });
  return { descriptors, target: valueOf(descriptors.at(-1)!) };
}

function describeDescriptor(listenFd: number | string): Description {
  const target = `descriptor ${show(listenFd)}`;
  if (typeof listenFd === "number") {
    checkInteger(ACTION, "listenFd", listenFd, 0, 2 ** 31 - 1);
    return { descriptors: [], target };
  }
  checkText(ACTION, "listenFd", listenFd);
  const descriptors = LISTEN_VARIABLES.map((variable) => ({
    name: "env" as const,
    variable,
  }));
  return { descriptors, target };
}

function describeHosts(
  hosts: readonly { hostname?: string; port: number }[],
): Description {
  if (!Array.isArray(hosts) || hosts.length === 0) {
    throw wrongKind(ACTION, "hosts", "an array of at least one host", hosts);
  }
  const all = new Map<string, PlannedDescriptor>();
  for (const [index, host] of hosts.entries()) {
    checkHost(host, index);
    for (const each of describeHost(host.hostname, host.port)) {
      all.set(valueOf(each), each);
    }
  }
  return { descriptors: [...all.values()], target: [...all.keys()].join(", ") };
}

function checkHost(host: unknown, index: number): void {
  checkObject(ACTION, `hosts[${index}]`, host);
}

function describeDialer(dialer: PlannableDialer): Description {
  checkObject(ACTION, "dialer", dialer);
  const { addr } = dialer;
  checkObject(ACTION, "dialer.addr", addr);
  return addr.transport === "tcp" || addr.transport === "unix"
    ? describe(addr as PlannableOptions)
    : { descriptors: [], target: formatAddress(addr) };
}

const ACTION = "plan permissions";
const HOW_NAMES: ReadonlySet<string> = new Set(["action"]);

function phrase(action: PlannedAction | undefined): string {
  if (action === undefined) return "use";
  return action === "listen" ? "listen on" : "connect to";
}

/** What a host and a port take. */
export function describeHost(
  hostname: string | undefined,
  port: number,
): PlannedDescriptor[] {
  checkInteger(ACTION, "port", port, 0, 65_535);
  if (hostname !== undefined) checkText(ACTION, "hostname", hostname);
  const host = formatAddress({ hostname, port });
  // What the parser refuses, Deno's flags do not understand either.
  parseAddress(host);
  return [{ name: "net", host }];
}

function checkAbsent(kind: string, beside: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(beside)) {
    if (value !== undefined) {
      throw wrongKind(ACTION, name, `absent beside ${kind}`, value);
    }
  }
}

/** What the path of a Unix socket takes, which has nothing beside it. */
export function describePath(
  path: string,
  beside: Record<string, unknown>,
): PlannedDescriptor[] {
  checkAbsent("path", beside);
  checkText(ACTION, "path", path);
  if (path.includes(",")) {
    throw outOfRange(ACTION, "path", "without a comma, for Deno's flags", path);
  }
  if (path.startsWith("\0")) {
    // Deno's flags name files: see `net` in full.
    const must =
      "that of a file (an abstract name takes the whole --allow-net)";
    throw outOfRange(ACTION, "path", must, path);
  }
  if (path.includes("\0")) {
    throw outOfRange(ACTION, "path", "without NUL characters", path);
  }
  // A flag for a Unix socket must be absolute, even where the path is not.
  const isAbsolute = path.startsWith("/");
  const absolute = isAbsolute
    ? path
    : `${Deno.cwd()}/${path.replace(/^(\.\/+)+/, "")}`;
  return [
    { name: "read", path: absolute },
    { name: "write", path: absolute },
    { name: "net", host: `unix:${absolute}` },
  ];
}

/** What a flag has after its `=`; empty for all. */
export function valueOf(descriptor: PlannedDescriptor): string {
  if (descriptor.name === "net") return descriptor.host ?? "";
  return descriptor.name === "env" ? descriptor.variable : descriptor.path;
}

/** One flag for each kind of permission, with all its values. */
export function flagsOf(descriptors: readonly PlannedDescriptor[]): string[] {
  const values = new Map<string, Set<string>>();
  for (const descriptor of descriptors) {
    const { name } = descriptor;
    const known = values.get(name) ?? new Set();
    values.set(name, known.add(valueOf(descriptor)));
  }
  return [...values].map(([name, set]) =>
    set.has("") ? `--allow-${name}` : `--allow-${name}=${[...set].join()}`
  );
}
