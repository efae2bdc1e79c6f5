/**
 * Version 2 of the PROXY protocol: bytes, with room for addresses of all kinds and for
 * further fields.
 *
 * @module
 */

import {
  checkInteger,
  checkObject,
  checkOneOf,
  checkText,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import type { Addr } from "../addr.ts";
import { formatIp, parseIp } from "../ip.ts";
import { ENCODE, malformed, tooLarge } from "./_errors.ts";
import {
  concat,
  decodeFields,
  encodeFields,
  setChecksum,
  uint16,
} from "./_fields.ts";
import type {
  DecodedProxyHeader,
  ProxyHeader,
  ProxyHeaderInit,
} from "./header.ts";

/** What a header begins with. */
export const SIGNATURE = /* @__PURE__ */ Uint8Array.of(
  13,
  10,
  13,
  10,
  0,
  13,
  10,
  81,
  85,
  73,
  84,
  10,
);
/** Bytes before the addresses. */
const FIXED_BYTES = 16;
const UNIX_PATH_BYTES = 108;

const text = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = /* @__PURE__ */ new TextEncoder();

/** What can be said before the length has come. */
function checkEarly(bytes: Uint8Array): undefined {
  if (bytes.length > 12) commandOf(bytes[12]);
  if (bytes.length > 13) checkFamily(bytes[13]);
}

function commandOf(byte: number): "proxy" | "local" {
  if (byte === 0x20) return "local";
  if (byte === 0x21) return "proxy";
  throw malformed(
    `its version and command must be 0x20 or 0x21, got 0x${byte.toString(16)}`,
  );
}

/** Bytes that the addresses of a family take, by its byte. */
const ADDRESS_BYTES: Record<number, number> = {
  0x00: 0,
  0x11: 12,
  0x12: 12,
  0x21: 36,
  0x22: 36,
  // Two paths of UNIX_PATH_BYTES each.
  0x31: 216,
  0x32: 216,
};

function checkFamily(byte: number): number {
  const length = ADDRESS_BYTES[byte];
  if (length !== undefined) return length;
  throw malformed(
    `its address family and protocol must be known, got 0x${byte.toString(16)}`,
  );
}

/** Reads the header at the front of `bytes`; `undefined` while more of it is needed. */
export function decodeBinary(
  bytes: Uint8Array,
  maxHeaderBytes: number,
): DecodedProxyHeader | undefined {
  if (bytes.length < FIXED_BYTES) return checkEarly(bytes);
  const command = commandOf(bytes[12]);
  const family = bytes[13];
  const addressBytes = checkFamily(family);
  const byteLength = FIXED_BYTES + (bytes[14] << 8 | bytes[15]);
  // Before more of it is waited for.
  if (byteLength > maxHeaderBytes) throw tooLarge(maxHeaderBytes, byteLength);
  if (command === "proxy" && byteLength < FIXED_BYTES + addressBytes) {
    throw malformed(
      `its addresses must be ${addressBytes} bytes long, got ${
        byteLength - FIXED_BYTES
      }`,
    );
  }
  if (bytes.length < byteLength) return undefined;
  // What a proxy says of its own connection must be ignored.
  if (command === "local") {
    return { header: { version: 2, command }, byteLength };
  }
  const whole = bytes.subarray(0, byteLength);
  const header: ProxyHeader = {
    version: 2,
    command: family === 0 ? "unknown" : "proxy",
  };
  decodeAddresses(whole, family, header);
  decodeFields(whole, FIXED_BYTES + addressBytes, header);
  return { header, byteLength };
}

function decodeAddresses(
  bytes: Uint8Array,
  family: number,
  header: ProxyHeader,
): void {
  if (family === 0) return;
  if (family >> 4 === 3) {
    const transport = family === 0x31 ? "unix" : "unixpacket";
    const pathAt = (at: number): Addr => ({
      transport,
      path: pathOf(bytes.subarray(at, at + UNIX_PATH_BYTES)),
    });
    header.sourceAddr = pathAt(FIXED_BYTES);
    header.destinationAddr = pathAt(FIXED_BYTES + UNIX_PATH_BYTES);
    return;
  }
  const length = family >> 4 === 1 ? 4 : 16;
  const transport = (family & 15) === 1 ? "tcp" : "udp";
  const ports = FIXED_BYTES + 2 * length;
  const addrAt = (index: number): Addr => {
    const at = FIXED_BYTES + index * length;
    const port = ports + 2 * index;
    return {
      transport,
      hostname: formatIp(bytes.subarray(at, at + length)),
      port: bytes[port] << 8 | bytes[port + 1],
    };
  };
  header.sourceAddr = addrAt(0);
  header.destinationAddr = addrAt(1);
}

/**
 * A path ends at its first zero; one of the abstract namespace begins with one. All zeros are
 * a socket without a path, as nearly all clients have.
 */
function pathOf(bytes: Uint8Array): string {
  if (bytes[0] === 0 && bytes[1] === 0) return "";
  const end = bytes.indexOf(0, 1);
  return text.decode(bytes.subarray(0, end < 0 ? undefined : end));
}

/** Two addresses, and the byte that says of what kind they are. */
export interface EncodedAddresses {
  family: number;
  bytes: Uint8Array;
}

/** Checks and encodes two addresses, which must be of one kind. */
export function encodeAddresses(
  source: unknown,
  destination: unknown,
): EncodedAddresses {
  const [from, to] = [
    encodeAddress("sourceAddr", source),
    encodeAddress("destinationAddr", destination),
  ];
  if (from.family !== to.family) {
    throw wrongKind(
      ENCODE,
      "destinationAddr",
      "of the same kind as sourceAddr",
      destination,
    );
  }
  return {
    family: from.family,
    bytes: concat([from.host, to.host, from.port, to.port]),
  };
}

function encodeAddress(
  name: string,
  addr: unknown,
): { family: number; host: Uint8Array; port: Uint8Array } {
  checkObject(ENCODE, name, addr);
  const { transport, hostname, port, path } = addr as Record<string, unknown>;
  if (transport === "unix" || transport === "unixpacket") {
    if (typeof path !== "string") {
      throw wrongKind(ENCODE, `path of ${name}`, "a string", path);
    }
    const host = new Uint8Array(UNIX_PATH_BYTES);
    const bytes = utf8.encode(path);
    if (bytes.length > host.length) {
      const must = `at most ${UNIX_PATH_BYTES} bytes long`;
      throw outOfRange(ENCODE, `path of ${name}`, must, path);
    }
    // One may come first, which stands for the abstract namespace.
    if (bytes.includes(0, 1)) {
      const must = "without a zero inside";
      throw outOfRange(ENCODE, `path of ${name}`, must, path);
    }
    host.set(bytes);
    const family = transport === "unix" ? 0x31 : 0x32;
    return { family, host, port: new Uint8Array() };
  }
  checkOneOf(ENCODE, `transport of ${name}`, transport, ["tcp", "udp", "unix"]);
  checkText(ENCODE, `hostname of ${name}`, hostname);
  checkInteger(ENCODE, `port of ${name}`, port, 0, 0xffff);
  // A zone means something on this machine alone.
  const host = hostname.includes("%") ? undefined : parseIp(hostname);
  if (host === undefined) {
    throw wrongKind(ENCODE, `hostname of ${name}`, "an IP address", hostname);
  }
  const family = (host.length === 4 ? 0x10 : 0x20) |
    (transport === "tcp" ? 1 : 2);
  return { family, host, port: uint16(port) };
}

/** The header, with what `fields` says. */
export function encodeBinary(
  fields: ProxyHeaderInit,
  command: ProxyHeader["command"],
  addresses: EncodedAddresses,
): Uint8Array<ArrayBuffer> {
  const parts = [addresses.bytes, ...encodeFields(fields)];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > 0xffff) {
    throw outOfRange(
      ENCODE,
      "what it says",
      `at most ${0xffff} bytes long`,
      length,
    );
  }
  const bytes = concat([
    SIGNATURE,
    Uint8Array.of(command === "local" ? 0x20 : 0x21, addresses.family),
    uint16(length),
    ...parts,
  ]);
  if (fields.checksum) setChecksum(bytes);
  return bytes;
}
