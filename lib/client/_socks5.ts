/**
 * The client of a SOCKS 5 proxy (RFC 1928), with user name and password (RFC 1929).
 *
 * @module
 */

import type { BrokenReason } from "../errors.ts";
import { parseIp } from "../ip.ts";
import type {
  Credentials,
  ProxyConnection,
  ProxyRequest,
} from "./_proxy_handshake.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NO_ACCEPTABLE_METHOD = 0xff;
const PASSWORD_VERSION = 1;
const CONNECT = 1;

const IPV4 = 1;
const DOMAIN = 3;
const IPV6 = 4;
/** Bytes of the addresses whose length is known. */
const ADDRESS_BYTES: Record<number, number> = { [IPV4]: 4, [IPV6]: 16 };

/** What went wrong behind the proxy (RFC 1928, 6). */
const BEHIND: Record<number, [BrokenReason, string]> = {
  1: ["other", "the proxy could not connect"],
  3: ["unreachable", "the network is unreachable from the proxy"],
  4: [
    "unreachable",
    "the host is unreachable from the proxy, or has no address",
  ],
  5: ["refused", "connection refused (nothing is listening there)"],
  6: ["unreachable", "the host does not answer the proxy in time"],
};

/** Most bytes of a user name, and of a password. */
export const MAX_CREDENTIAL_BYTES = 255;

const encoder = new TextEncoder();

/** Asks for a connection. What follows is the server's. */
export async function askSocks5(
  proxy: ProxyConnection,
  { hostname, port, user }: ProxyRequest,
): Promise<void> {
  const methods = user === undefined
    ? [NO_AUTHENTICATION]
    : [NO_AUTHENTICATION, USER_AND_PASSWORD];
  await proxy.write(new Uint8Array([VERSION, methods.length, ...methods]));
  const [version, method] = await proxy.read(2);
  checkVersion(proxy, version);
  if (method === NO_ACCEPTABLE_METHOD) {
    throw proxy.error(
      "authentication",
      user === undefined
        ? "it asks for a user name and a password"
        : "it takes neither a user name and a password nor none",
      method,
    );
  }
  if (!methods.includes(method)) {
    throw proxy.error("malformed", "it chose a method that was not offered");
  }
  if (method === USER_AND_PASSWORD) await logIn(proxy, user!);

  const address = encodeAddress(hostname);
  const [high, low] = [port >> 8, port & 0xff];
  await proxy.write(
    new Uint8Array([VERSION, CONNECT, 0, ...address, high, low]),
  );
  await readReply(proxy);
}

async function logIn(
  proxy: ProxyConnection,
  user: Credentials,
): Promise<void> {
  const [name, password] = [user.name, user.password].map((text) => {
    const bytes = encoder.encode(text);
    return [bytes.length, ...bytes];
  });
  await proxy.write(new Uint8Array([PASSWORD_VERSION, ...name, ...password]));
  const [version, status] = await proxy.read(2);
  if (version !== PASSWORD_VERSION) throw notSocks(proxy);
  if (status !== 0) {
    const why = "it refuses the user name or the password";
    throw proxy.error("authentication", why, status);
  }
}

/** Names are left to the proxy: it may know others than this machine. */
function encodeAddress(hostname: string): number[] {
  const ip = parseIp(hostname);
  if (ip !== undefined) return [ip.length === 4 ? IPV4 : IPV6, ...ip];
  const name = encoder.encode(hostname);
  return [DOMAIN, name.length, ...name];
}

/** Reads the reply, and the address in it, which nothing is done with. */
async function readReply(proxy: ProxyConnection): Promise<void> {
  const [version, reply] = await proxy.read(2);
  checkVersion(proxy, version);
  // Some proxies send no more than that, or end, where they refuse.
  if (reply !== 0) throw errorOf(proxy, reply);
  const [, type] = await proxy.read(2);
  const length = type === DOMAIN
    ? (await proxy.read(1))[0]
    : ADDRESS_BYTES[type];
  if (length === undefined) {
    throw proxy.error("malformed", "its answer has an unknown kind of address");
  }
  await proxy.read(length + 2);
}

function errorOf(proxy: ProxyConnection, reply: number): Error {
  switch (reply) {
    case 2:
      return proxy.error("refused", "its rules do not allow it", reply);
    case 7:
      return proxy.error("unsupported", "it cannot connect", reply);
    case 8: {
      const why = "it cannot connect to this kind of address";
      return proxy.error("unsupported", why, reply);
    }
  }
  const [reason, why] = BEHIND[reply] ?? BEHIND[1];
  return proxy.broken(reason, `${why} (SOCKS reply ${reply})`);
}

function checkVersion(proxy: ProxyConnection, version: number): void {
  if (version !== VERSION) throw notSocks(proxy);
}

function notSocks(proxy: ProxyConnection): Error {
  return proxy.error("malformed", "what it answers is not SOCKS 5");
}
