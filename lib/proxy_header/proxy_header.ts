/**
 * The header of the PROXY protocol, versions 1 and 2, which tells a server behind a balancer
 * where its client is: as HAProxy, nginx, Envoy and the load balancers of clouds send it.
 *
 * It guarantees that a header is taken whole or not at all, and refuses what the
 * specification does not allow: the server believes what a header says, so a doubtful one
 * is refused. It does no I/O. The server and `connect` use it; programs that read headers
 * by themselves, too.
 *
 * @see {@link https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt}
 *
 * @module
 */

import {
  checkBoolean,
  checkBytes,
  checkNames,
  checkOneOf,
  wrongKind,
} from "../_check.ts";
import { DECODE, ENCODE, malformed } from "./_errors.ts";
import { decodeLine, encodeLine, PREFIX } from "./_version_1.ts";
import {
  decodeBinary,
  encodeAddresses,
  encodeBinary,
  SIGNATURE,
} from "./_version_2.ts";
import type { DecodedProxyHeader, ProxyHeaderInit } from "./header.ts";
import {
  checkProxyLimits,
  PROXY_LIMIT_NAMES,
  type ProxyLimits,
} from "./limits.ts";

/**
 * Reads the header at the front of `bytes`.
 *
 * It says as early as it can that there is none, and never looks behind the header: what
 * follows is the client's.
 *
 * @param bytes What has come so far, from the first byte of the connection.
 * @param options Versions, and the largest header.
 * @returns The header and its size; `undefined` while more bytes are needed.
 * @throws {MalformedFrameError} It is no header, of another version, or one that the
 * specification does not allow: then nothing that it says can be believed.
 * @throws {FrameTooLargeError} It is larger than `maxHeaderBytes`.
 * @throws {TypeError} An argument is of the wrong kind, or has an unknown name.
 * @throws {RangeError} An option is out of range.
 * @category PROXY protocol
 *
 * @example
 * ```ts
 * import { decodeProxyHeader } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode(
 *   "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET / HTTP/1.1\r\n",
 * );
 * const { header, byteLength } = decodeProxyHeader(bytes)!;
 * assertEquals(header.sourceAddr, {
 *   transport: "tcp",
 *   hostname: "192.0.2.1",
 *   port: 56324,
 * });
 * assertEquals(byteLength, 45);
 * ```
 */
export function decodeProxyHeader(
  bytes: Uint8Array,
  options: ProxyLimits = {},
): DecodedProxyHeader | undefined {
  checkBytes(DECODE, "bytes", bytes);
  checkNames(DECODE, "options", options, PROXY_LIMIT_NAMES);
  checkProxyLimits(DECODE, options);
  return decodeHeader(bytes, options);
}

/** The same with limits that were checked. */
export function decodeHeader(
  bytes: Uint8Array,
  { versions = [1, 2], maxHeaderBytes = 4_096 }: ProxyLimits,
): DecodedProxyHeader | undefined {
  if (versions.includes(2) && startsLike(bytes, SIGNATURE)) {
    return decodeBinary(bytes, maxHeaderBytes);
  }
  if (versions.includes(1) && startsLike(bytes, PREFIX)) {
    return decodeLine(bytes, maxHeaderBytes);
  }
  throw malformed(
    `the connection must begin with a header of version ${
      versions.join(" or ")
    }, got ${shown(bytes)}`,
  );
}

/** Whether `bytes` begins with `expected`, as far as both go. */
function startsLike(bytes: Uint8Array, expected: Uint8Array): boolean {
  const length = Math.min(bytes.length, expected.length);
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== expected[i]) return false;
  }
  return true;
}

/** The first bytes, for people. */
function shown(bytes: Uint8Array): string {
  return `0x${bytes.subarray(0, SIGNATURE.length).toHex()}`;
}

/** One name for each option: the compiler finds one that is missing. */
const initNames: Record<keyof ProxyHeaderInit, true> = {
  version: true,
  command: true,
  sourceAddr: true,
  destinationAddr: true,
  alpn: true,
  authority: true,
  uniqueId: true,
  tls: true,
  tlvs: true,
  checksum: true,
};
const INIT_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set(
  /* @__PURE__ */ Object.keys(initNames),
);

/**
 * The bytes of a header, to be sent before anything else.
 *
 * @param init What it says.
 * @returns The bytes: at most 107 of version 1, at most 65,551 of version 2.
 * @throws {TypeError} Something of it is of the wrong kind, the two addresses are of
 * different kinds, or version 1 has no room for it.
 * @throws {RangeError} Something of it is too long.
 * @category PROXY protocol
 *
 * @example
 * ```ts
 * import { decodeProxyHeader, encodeProxyHeader } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeProxyHeader({
 *   sourceAddr: { transport: "tcp", hostname: "2001:db8::1", port: 50_000 },
 *   destinationAddr: { transport: "tcp", hostname: "2001:db8::2", port: 443 },
 *   authority: "example.com",
 *   checksum: true,
 * });
 * assertEquals(decodeProxyHeader(bytes)?.header.authority, "example.com");
 * ```
 */
export function encodeProxyHeader(
  init: ProxyHeaderInit,
): Uint8Array<ArrayBuffer> {
  checkNames(ENCODE, "the header", init, INIT_NAMES);
  const { version = 2, sourceAddr, destinationAddr, checksum } = init;
  checkOneOf(ENCODE, "version", version, [1, 2]);
  if (checksum !== undefined) checkBoolean(ENCODE, "checksum", checksum);
  const hasAddresses = sourceAddr !== undefined ||
    destinationAddr !== undefined;
  const { command = hasAddresses ? "proxy" : "unknown" } = init;
  checkOneOf(ENCODE, "command", command, ["proxy", "local", "unknown"]);
  if ((command === "proxy") !== hasAddresses) {
    const must = command === "proxy" ? "given" : `left out with "${command}"`;
    throw wrongKind(ENCODE, "sourceAddr", must, sourceAddr);
  }
  const fields = command === "local" ? {} : init;
  const addresses = hasAddresses
    ? encodeAddresses(sourceAddr, destinationAddr)
    : { family: 0, bytes: new Uint8Array() };
  return version === 1
    ? encodeLine(init, command, addresses.family)
    : encodeBinary(fields, command, addresses);
}
