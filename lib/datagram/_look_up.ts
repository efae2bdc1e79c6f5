/**
 * Addresses of names, as the system knows them.
 *
 * @module
 */

import { show } from "../_check.ts";
import { PermissionError } from "../errors.ts";
import { parseIp, withoutBrackets } from "../ip.ts";
import { isHost } from "../transport/check_address.ts";

const nodeDns = () => globalThis.process.getBuiltinModule("node:dns").promises;

/**
 * The address of a host: of an address itself, without brackets.
 *
 * @param family 4 or 6, or whichever comes first.
 * @throws {URIError} It can be none.
 * @throws {PermissionError} It is a name, and Deno denies to look it up.
 */
export async function lookUp(
  hostname: string,
  family: 4 | 6 | undefined,
): Promise<string> {
  const host = withoutBrackets(hostname);
  if (parseIp(host) !== undefined) return host;
  // RFC 6761, 6.3: it is always the loopback address.
  if (host === "localhost") return family === 6 ? "::1" : "127.0.0.1";
  // As Deno's own functions have it, which `translateError` knows.
  if (!isHost(host)) throw new URIError(`Invalid host: ${show(host)}`);
  try {
    const { address } = await nodeDns().lookup(host, { family: family ?? 0 });
    return address;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EPERM") throw error;
    const flag = `--allow-net=${host}`;
    throw new PermissionError(
      [flag],
      `Cannot look up ${host}: run again with ${flag} (without a port: a name takes all of them)`,
      { operation: "look up", cause: error },
    );
  }
}
