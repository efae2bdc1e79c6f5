#!/usr/bin/env -S deno run --allow-net=127.0.0.1,localhost --allow-read=users.json
/**
 * A proxy for SOCKS 5 and HTTP CONNECT, on one port.
 *
 * @module
 */

import {
  BrokenError,
  type CallOptions,
  ClosedError,
  formatAddress,
  serve,
  type Socket,
} from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { commandLine, listenFlag, run, stop, UNSET } from "../_command_line.ts";
import { logDrain, logEnd } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { PendingConnections } from "../_pending_connections.ts";
import { visibleAddress, visibleText } from "../_safe_text.ts";
import { permissionToRead, whyUnreadable } from "../_unreadable.ts";
import { negotiateHttp } from "./http_connect.ts";
import type { TunnelRequest } from "./request.ts";
import { negotiateSocks, SOCKS_VERSION } from "./socks.ts";
import { openTunnel } from "./tunnel.ts";
import { parseUsers, Users } from "./users.ts";

const HELP = `
A proxy for SOCKS 5 and HTTP CONNECT, on one port. Ctrl-C lets tunnels end for five
seconds; a second one cuts them off.

It connects where Deno lets it: --allow-net is the list of what may be reached. With
the permissions of its first line that is this machine alone; to reach the world run it
with --allow-net=127.0.0.1:1080,example.com:443 or, for everything, --allow-net. This
machine is not reached unless --local says so.

Usage: deno task examples socks5/proxy [--listen ADDRESS] [--users FILE]
                                       [--local PORTS]

  --listen ADDRESS  where to listen; 127.0.0.1:1080 by default. Port 0 takes one that
                    is free. Without --users it must be on this machine.
  --users FILE      who may use it, as JSON: a list of
                    { "name": "…", "password": "…",
                      "maxConnections": 10, "bytesPerSecond": 1000000 }
                    where the limits may be left out. Must be users.json in the
                    current folder, or allowed to Deno. By default no login is needed.
  --local PORTS     ports of this machine that may be reached, such as 8000,8443; none
                    by default
  --help            shows this text

Examples:
  deno task examples --allow-net=127.0.0.1:1080,example.com:443 socks5/proxy
  deno task examples socks5/proxy --local 8000,8443
`;

/** Longest that a client may take to say who it is and where it wants to go. */
const NEGOTIATION_MS = 10_000;
const IDLE_MS = 300_000;
const WRITE_MS = 30_000;
/** Clients that have not said where to; more than these, and the oldest one is cut. */
const MAX_PENDING = 50;

const { flags } = commandLine(HELP, {
  listen: "127.0.0.1:1080",
  users: UNSET,
  local: UNSET,
});
const address = listenFlag("listen", flags.listen);
const localPorts = portsFlag(flags.local);
if (flags.users === UNSET && !isLocal(address)) {
  stop(
    `Cannot listen on ${flags.listen} without --users: anyone could use the proxy`,
    2,
  );
}

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  const users = flags.users === UNSET
    ? undefined
    : await readUsers(flags.users);
  const negotiating = new PendingConnections({
    timeoutMs: NEGOTIATION_MS,
    max: MAX_PENDING,
  });
  const server = serve({
    ...address,
    maxConnections: 2_000,
    maxConnectionsPerAddress: 256,
    onLimit: "reject",
    idleMs: IDLE_MS,
    writeMs: WRITE_MS,
    drainOnSignals: true,
    shutdownTimeoutMs: 5_000,
    onEvent: logDrain,
    onError(error, { remoteAddr }) {
      // Clients and servers that break their connections are no errors of the proxy.
      if (error instanceof BrokenError || error instanceof ClosedError) return;
      const why = error instanceof Error ? error.message : String(error);
      const from = visibleAddress(remoteAddr);
      complain(`${from} was cut off: ${visibleText(why)}`);
    },
  }, async (socket, { signal }) => {
    using pending = negotiating.add(socket);
    const request = await negotiate(socket, users, { signal });
    if (request === undefined) return;
    pending[Symbol.dispose]();
    const report = await openTunnel(socket, request, {
      localPorts,
      idleMs: IDLE_MS,
      writeMs: WRITE_MS,
      signal,
    });
    const target = visibleText(formatAddress(request));
    log(
      report.refusal === undefined
        ? `${report.user} was at ${target}: ${report.bytesOut} bytes out, ${report.bytesIn} in`
        : `${report.user} was kept from ${target}: ${report.refusal}`,
    );
    // The client is to see that its connection broke.
    if (report.error !== undefined) throw report.error;
  });
  await server.ready;
  log(`listening on ${visibleAddress(server.addr)}`);
  await logEnd(server);
});

/** The first byte tells the protocols apart. */
async function negotiate(
  socket: Socket,
  users: Users | undefined,
  limits: CallOptions,
): Promise<TunnelRequest | undefined> {
  const [first] = await socket.peek(1, limits);
  if (first === SOCKS_VERSION) {
    return await negotiateSocks(socket, users, limits);
  }
  // Methods are capital letters; all else is garbage, and gets no answer.
  if (first >= 0x41 && first <= 0x5a) {
    return await negotiateHttp(socket, users, limits);
  }
  return undefined;
}

async function readUsers(path: string): Promise<Users> {
  await ensurePermissions(permissionToRead(path));
  try {
    return new Users(parseUsers(await Deno.readTextFile(path)));
  } catch (error) {
    const why = error instanceof TypeError
      ? error.message
      : whyUnreadable(error, path);
    stop(visibleText(`Cannot use ${path} as --users: ${why}`), 2);
  }
}

function portsFlag(value: string): Set<number> {
  if (value === UNSET) return new Set();
  const ports = value.split(",").map((port) =>
    /^\d{1,5}$/.test(port) ? Number(port) : 0
  );
  if (ports.every((port) => port >= 1 && port <= 65_535)) return new Set(ports);
  stop(
    `Cannot run: --local must be ports from 1 to 65535 with commas between ` +
      `them, got ${visibleText(value)}`,
    2,
  );
}

/** Whether only this machine can connect to it. */
function isLocal(address: { hostname?: string } | { path: string }): boolean {
  if ("path" in address) return true;
  const { hostname = "127.0.0.1" } = address;
  return /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(hostname);
}
