/**
 * Why a datagram could not be sent. `node:dgram` says `send UNKNOWN` for most of it.
 *
 * @module
 */

import { formatAddress } from "../addr.ts";
import { BrokenError, PermissionError, SocketError } from "../errors.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import { translateError } from "../transport/translate_error.ts";
import { isLoopback } from "./check_options.ts";
import type { DatagramAddr, DatagramTarget } from "./options.ts";

/** The error to throw in place of `error`. */
export function sendError(
  error: unknown,
  localAddr: DatagramAddr,
  to: DatagramTarget,
): unknown {
  if (error instanceof SocketError || !(error instanceof Error)) return error;
  const remoteAddr = addrOf(to);
  const context = { operation: "send", localAddr, remoteAddr };
  // Deno has no class for some, and makes a TypeError of EINVAL.
  const code = (error as { code?: unknown }).code;
  const isVague = code === "UNKNOWN" || code === "EINVAL" ||
    code === "EAFNOSUPPORT" || code === "EACCES";
  if (isVague && !("path" in to)) {
    const start = `Cannot send to ${formatAddress(remoteAddr)}`;
    const options = { ...context, cause: error };
    if (code === "UNKNOWN") {
      const flag = missingNetFlag(to);
      if (flag !== undefined) {
        const text = `${start}: run again with ${flag}`;
        return new PermissionError([flag], text, options);
      }
    }
    const [reason, why] = reasonOf(localAddr as Deno.NetAddr, to);
    return new BrokenError(reason, `${start}: ${why}`, options);
  }
  return translateError(error, context);
}

function addrOf(to: DatagramTarget): DatagramAddr {
  if ("path" in to) return { transport: "unixpacket", path: to.path };
  const { hostname = "127.0.0.1", port } = to;
  return { transport: "udp", hostname, port };
}

/** Deno's answer to a send that it denies is lost on its way through `node:dgram`. */
function missingNetFlag(
  to: { hostname?: string; port: number },
): string | undefined {
  const host = formatAddress({ hostname: to.hostname, port: to.port });
  const { state } = Deno.permissions.querySync({ name: "net", host });
  return state === "granted" ? undefined : `--allow-net=${host}`;
}

function reasonOf(
  { hostname: local }: Deno.NetAddr,
  { hostname = "127.0.0.1" }: { hostname?: string },
): ["unreachable" | "other", string] {
  const remote = withoutBrackets(hostname);
  if (isIpv6(local) !== isIpv6(remote) && parseIp(remote) !== undefined) {
    const family = isIpv6(local) ? "IPv6" : "IPv4";
    return [
      "unreachable",
      `unreachable (the socket is bound to ${local}, which speaks ${family})`,
    ];
  }
  if (isLoopback(local) && !isLoopback(remote)) {
    const any = isIpv6(local) ? "::" : "0.0.0.0";
    return [
      "unreachable",
      `unreachable (the socket is bound to ${local}, which reaches this machine alone: bind it to ${any})`,
    ];
  }
  return [
    "other",
    "the system refuses it (is it a broadcast address? that takes broadcast: true)",
  ];
}

function isIpv6(hostname: string): boolean {
  return hostname.includes(":");
}
