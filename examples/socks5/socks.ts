/**
 * SOCKS 5 (RFC 1928) with user names and passwords (RFC 1929).
 *
 * @module
 */

import { type CallOptions, parseAddress, type Socket } from "@sluice/net";
import { addressOf } from "../_pending_connections.ts";
import type { Negotiate, Refusal, TunnelRequest } from "./request.ts";
import type { User, Users } from "./users.ts";

/** The first byte of every client that speaks it. */
export const SOCKS_VERSION = 5;

const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NO_ACCEPTABLE_METHOD = 0xff;
const PASSWORD_VERSION = 1;
const CONNECT = 1;
const IPV4 = 1;
const DOMAIN = 3;
const IPV6 = 4;

const SUCCEEDED = 0;
const COMMAND_NOT_SUPPORTED = 7;
const ADDRESS_TYPE_NOT_SUPPORTED = 8;
const REPLIES: Record<Refusal, number> = {
  "failed": 1,
  "not-allowed": 2,
  "own-address": 2,
  "too-many": 2,
  "unreachable": 3,
  "not-found": 4,
  "refused": 5,
  "timeout": 6,
};

/** Reads a SOCKS 5 request. */
export const negotiateSocks: Negotiate = async (socket, users, limits) => {
  const user = await authenticate(socket, users, limits);
  if (user === false) return undefined;
  const [version, command, reserved, addressType] = await socket.readExactly(
    4,
    limits,
  );
  if (version !== SOCKS_VERSION || reserved !== 0) return undefined;
  const hostname = await readHost(socket, addressType, limits);
  if (hostname === undefined) {
    await reply(socket, ADDRESS_TYPE_NOT_SUPPORTED);
    return undefined;
  }
  const [high, low] = await socket.readExactly(2, limits);
  const port = high << 8 | low;
  if (!isHost(hostname) || port === 0) {
    await reply(socket, REPLIES["not-found"]);
    return undefined;
  }
  if (command !== CONNECT) {
    await reply(socket, COMMAND_NOT_SUPPORTED);
    return undefined;
  }
  const request: TunnelRequest = {
    user,
    hostname,
    port,
    accept: () => reply(socket, SUCCEEDED),
    refuse: (why) => reply(socket, REPLIES[why]),
  };
  return request;
};

/** The user: undefined where no client has to log in, `false` if the login fails. */
async function authenticate(
  socket: Socket,
  users: Users | undefined,
  limits: CallOptions,
): Promise<User | undefined | false> {
  const [, count] = await socket.readExactly(2, limits);
  const methods = await socket.readExactly(count, limits);
  const wanted = users === undefined ? NO_AUTHENTICATION : USER_AND_PASSWORD;
  if (!methods.includes(wanted)) {
    await socket.write(new Uint8Array([SOCKS_VERSION, NO_ACCEPTABLE_METHOD]));
    return false;
  }
  await socket.write(new Uint8Array([SOCKS_VERSION, wanted]));
  if (users === undefined) return undefined;
  const [version] = await socket.readExactly(1, limits);
  if (version !== PASSWORD_VERSION) return false;
  const name = await readText(socket, limits);
  const password = await readText(socket, limits);
  const login = users.logIn(addressOf(socket), name, password);
  const isUser = typeof login === "object";
  await socket.write(new Uint8Array([PASSWORD_VERSION, isUser ? 0 : 1]));
  return isUser && login;
}

/** Text with its length, in one byte, before it. */
async function readText(socket: Socket, limits: CallOptions): Promise<string> {
  const [length] = await socket.readExactly(1, limits);
  return new TextDecoder().decode(await socket.readExactly(length, limits));
}

async function readHost(
  socket: Socket,
  type: number,
  limits: CallOptions,
): Promise<string | undefined> {
  if (type === DOMAIN) return await readText(socket, limits);
  if (type === IPV4) return (await socket.readExactly(4, limits)).join(".");
  if (type !== IPV6) return undefined;
  const bytes = await socket.readExactly(16, limits);
  const { buffer, byteOffset } = bytes;
  const view = new DataView(buffer, byteOffset);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i));
  return groups.map((group) => group.toString(16)).join(":");
}

/** Whether a host can be one: a name with a zero byte in it is read in two ways. */
function isHost(hostname: string): boolean {
  try {
    parseAddress(hostname.includes(":") ? `[${hostname}]:1` : `${hostname}:1`);
    return true;
  } catch {
    return false;
  }
}

/** The address in it is the proxy's own, which no client needs to know: zeros. */
function reply(socket: Socket, code: number): Promise<void> {
  return socket.write(
    new Uint8Array([SOCKS_VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]),
  );
}
