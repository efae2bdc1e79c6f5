/**
 * Version 1 of the PROXY protocol: a line of text, with room for TCP addresses.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import type { Addr } from "../addr.ts";
import { formatIp, parseIp } from "../ip.ts";
import { ENCODE, malformed, tooLarge } from "./_errors.ts";
import type {
  DecodedProxyHeader,
  ProxyHeader,
  ProxyHeaderInit,
} from "./header.ts";

/** `"PROXY "`. */
export const PREFIX = /* @__PURE__ */ Uint8Array.of(80, 82, 79, 88, 89, 32);
/** The longest line, with its ending. */
const MAX_LINE_BYTES = 107;
/** Behind the prefix: a family, two addresses and two ports, which are yet to be judged. */
const LINE = /^(TCP4|TCP6) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

/**
 * Bytes that are not UTF-8 become characters that no address has. A byte order mark is
 * kept.
 */
const text = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = /* @__PURE__ */ new TextEncoder();

/** Reads the line at the front of `bytes`; `undefined` while more of it is needed. */
export function decodeLine(
  bytes: Uint8Array,
  maxHeaderBytes: number,
): DecodedProxyHeader | undefined {
  const most = Math.min(MAX_LINE_BYTES, maxHeaderBytes);
  const start = bytes.subarray(0, most);
  const end = start.indexOf(10);
  if (end < 0) {
    if (bytes.length < most) return undefined;
    if (most < MAX_LINE_BYTES) throw tooLarge(maxHeaderBytes, undefined);
    throw malformed(`its line must end within ${MAX_LINE_BYTES} bytes`);
  }
  if (start[end - 1] !== 13) throw malformed("its line must end in CR LF");
  const line = text.decode(start.subarray(PREFIX.length, end - 1));
  const byteLength = end + 1;
  // What follows UNKNOWN must be ignored.
  if (line === "UNKNOWN" || line.startsWith("UNKNOWN ")) {
    return { header: { version: 1, command: "unknown" }, byteLength };
  }
  const [, family, source, destination, from, to] = LINE.exec(line) ?? [];
  const isGood = family !== undefined && isOfFamily(source, family) &&
    isOfFamily(destination, family) && Number(from) <= 0xffff &&
    Number(to) <= 0xffff;
  if (!isGood) {
    throw malformed(
      'its line must be "PROXY TCP4" or "PROXY TCP6", two addresses and two ports, or "PROXY UNKNOWN"',
    );
  }
  const addrOf = (hostname: string, port: string): Addr => ({
    transport: "tcp",
    hostname,
    port: Number(port),
  });
  return {
    header: {
      version: 1,
      command: "proxy",
      sourceAddr: addrOf(source, from),
      destinationAddr: addrOf(destination, to),
    },
    byteLength,
  };
}

function isOfFamily(host: string, family: string): boolean {
  return !host.includes("%") && parseIp(host) !== undefined &&
    host.includes(":") === (family === "TCP6");
}

/** The line; its addresses are of `family`, as version 2 names it. */
export function encodeLine(
  init: ProxyHeaderInit,
  command: ProxyHeader["command"],
  family: number,
): Uint8Array<ArrayBuffer> {
  const { sourceAddr, destinationAddr, alpn, authority, uniqueId, tls, tlvs } =
    init;
  const more = { alpn, authority, uniqueId, tls, tlvs };
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined) {
      throw wrongKind(ENCODE, name, "left out of version 1", value);
    }
  }
  if (init.checksum) {
    throw wrongKind(ENCODE, "checksum", "left out of version 1", true);
  }
  if (command !== "proxy") return utf8.encode("PROXY UNKNOWN\r\n");
  if (family !== 0x11 && family !== 0x21) {
    throw wrongKind(
      ENCODE,
      "sourceAddr",
      "a TCP address in version 1",
      sourceAddr,
    );
  }
  const [from, to] = [sourceAddr, destinationAddr] as Deno.NetAddr[];
  const hosts = [from, to].map(({ hostname }) => formatIp(parseIp(hostname)!));
  const name = family === 0x11 ? "TCP4" : "TCP6";
  return utf8.encode(
    `PROXY ${name} ${hosts.join(" ")} ${from.port} ${to.port}\r\n`,
  );
}
