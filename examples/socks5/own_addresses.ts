/**
 * The addresses of the machine that the proxy runs on. What listens there often
 * trusts all that can reach it, and is not what a proxy is for.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import type { Addr, Socket } from "@sluice/net";

/** Loopback, "this host", and link-local, where clouds keep their secrets. */
const OWN = new BlockList();
OWN.addSubnet("127.0.0.0", 8, "ipv4");
OWN.addSubnet("0.0.0.0", 8, "ipv4");
OWN.addSubnet("169.254.0.0", 16, "ipv4");
OWN.addAddress("::", "ipv6");
OWN.addAddress("::1", "ipv6");
OWN.addSubnet("fe80::", 10, "ipv6");

/** Whether an IP address is this machine's own, as far as it alone can tell. */
export function isOwnAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  if (isIPv4(bare)) return OWN.check(bare, "ipv4");
  if (!isIPv6(bare)) return false;
  const ipv4 = embeddedIpv4(bare);
  return OWN.check(bare, "ipv6") ||
    ipv4 !== undefined && OWN.check(ipv4, "ipv4");
}

/** The IPv4 address in one of IPv6: mapped, translated, compatible, or by NAT64. */
function embeddedIpv4(address: string): string | undefined {
  // A URL writes it in one way only: lower case, no dots, zeros left out.
  const plain = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const groups =
    /^(?:::|::ffff:|::ffff:0:|64:ff9b::)(?:([\da-f]{1,4}):)?([\da-f]{1,4})$/
      .exec(plain);
  if (groups === null) return undefined;
  const [high, low] = [groups[1] ?? "0", groups[2]].map((group) =>
    parseInt(group, 16)
  );
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/**
 * Whether a host is this machine, before anything connects to it. A name is looked up
 * where Deno allows that, which it does unless only single ports of it are allowed.
 */
export async function isOwnHost(hostname: string): Promise<boolean> {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isOwnAddress(name)) return true;
  // Asked first: on a terminal, Deno would stop the whole program for an answer.
  const { state } = Deno.permissions.querySync({ name: "net", host: hostname });
  if (isIPv4(name) || isIPv6(name) || state !== "granted") return false;
  try {
    const addresses = await lookup(name, { all: true });
    return addresses.some(({ address }) => isOwnAddress(address));
  } catch {
    return false; // It has no address, or this may not be known: see below.
  }
}

/**
 * Whether a connection ends on this machine, whatever the name said when it was looked
 * up. One to an address of a network card has the same address at both ends.
 */
export function isOwnConnection(
  { localAddr, remoteAddr }: Pick<Socket, "localAddr" | "remoteAddr">,
): boolean {
  const remote = hostOf(remoteAddr);
  return remote === undefined || isOwnAddress(remote) ||
    remote === hostOf(localAddr);
}

function hostOf(addr: Addr): string | undefined {
  return "hostname" in addr ? addr.hostname : undefined;
}
