/**
 * The header of the PROXY protocol, versions 1 and 2, which tells a server behind a balancer
 * where its client is: as HAProxy, nginx, Envoy and the load balancers of clouds send it.
 *
 * It guarantees that a header is taken whole or not at all, and refuses what the
 * specification does not allow: a header is believed, so a doubtful one must not be. It does
 * no I/O. The server and `connect` use it; programs that read headers by themselves, too.
 *
 * @see {@link https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt}
 *
 * @module
 */

import {
  checkBoolean,
  checkBytes,
  checkInteger,
  checkNames,
  checkObject,
  checkOneOf,
  checkText,
  outOfRange,
  wrongKind,
} from "./_check.ts";
import type { Addr } from "./addr.ts";
import { FrameTooLargeError, MalformedFrameError } from "./errors.ts";
import { formatIp, parseIp } from "./ip.ts";
import {
  checkProxyLimits,
  PROXY_LIMIT_NAMES,
  type ProxyLimits,
} from "./proxy_limits.ts";

/**
 * A field of a header of version 2 that this library does not read, or all of them raw.
 *
 * @category PROXY protocol
 */
export interface ProxyTlv {
  /** The kind of the field, from 0 to 255. */
  type: number;
  /** Its contents, at most 65,535 bytes. */
  value: Uint8Array;
}

/**
 * The TLS that the client speaks with the proxy, as the proxy tells of it.
 *
 * @category PROXY protocol
 */
export interface ProxyTls {
  /** The version, such as `"TLSv1.3"`. */
  version?: string;
  /** The cipher suite. */
  cipher?: string;
  /** The common name of the client's certificate. */
  commonName?: string;
  /** How the certificate was signed. */
  signatureAlgorithm?: string;
  /** The kind of the certificate's key. */
  keyAlgorithm?: string;
  /** Whether the client has shown a certificate. */
  hasCertificate: boolean;
  /** Whether the proxy has verified that certificate, and found it good. */
  isVerified: boolean;
}

/**
 * What a header may say beside the addresses; version 1 says nothing else.
 *
 * @category PROXY protocol
 */
export interface ProxyFields {
  /** The protocol that the client and the proxy agreed on (ALPN). */
  alpn?: string;
  /** The host that the client asked for, by the name in its TLS handshake (SNI). */
  authority?: string;
  /** What the proxy calls this connection, at most 128 bytes. */
  uniqueId?: Uint8Array;
  /** The client's TLS; left out where the client speaks none. */
  tls?: ProxyTls;
  /** All fields as they came, those above included. */
  tlvs?: readonly ProxyTlv[];
}

/**
 * A header, as it was read.
 *
 * | `command` | the connection is | `sourceAddr`, `destinationAddr` |
 * | --- | --- | --- |
 * | `"proxy"` | a client's | the client's address, and where it connected to |
 * | `"local"` | the proxy's own: it asks whether the server is well | none |
 * | `"unknown"` | a client's whose address the proxy does not know or cannot say | none |
 *
 * @category PROXY protocol
 */
export interface ProxyHeader extends ProxyFields {
  /** The version of the protocol. */
  version: 1 | 2;
  /** Whose connection it is. */
  command: "proxy" | "local" | "unknown";
  /** The client's address. */
  sourceAddr?: Addr;
  /** The address that the client connected to. */
  destinationAddr?: Addr;
}

/**
 * A header that is to be sent.
 *
 * @category PROXY protocol
 */
export interface ProxyHeaderInit extends ProxyFields {
  /**
   * The version of the protocol. Version 1 has room for TCP addresses and nothing else.
   *
   * @default {2}
   */
  version?: 1 | 2;
  /**
   * Whose connection it is: `"local"` for this program's own, and then nothing else can be
   * said.
   *
   * @default {"proxy" with addresses, else "unknown"}
   */
  command?: "proxy" | "local" | "unknown";
  /** The client's address. Together with `destinationAddr`, and of the same kind. */
  sourceAddr?: Addr;
  /** The address that the client connected to. */
  destinationAddr?: Addr;
  /**
   * Adds a checksum (CRC32c), which the receiver checks. Version 2 alone.
   *
   * @default {false}
   */
  checksum?: boolean;
}

/**
 * A header, and where what follows it begins.
 *
 * @category PROXY protocol
 */
export interface DecodedProxyHeader {
  /** What it says. */
  header: ProxyHeader;
  /** Bytes that it took. */
  byteLength: number;
}

const DECODE = "read a PROXY header";
const ENCODE = "encode a PROXY header";
const SIGNATURE = /* @__PURE__ */ Uint8Array.of(
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
/** `"PROXY "`. */
const PREFIX = /* @__PURE__ */ Uint8Array.of(80, 82, 79, 88, 89, 32);
/** Bytes of version 2 before the addresses. */
const FIXED_BYTES = 16;
/** The longest line of version 1, with its ending. */
const MAX_LINE_BYTES = 107;
const UNIX_PATH_BYTES = 108;

const ALPN = 0x01;
const AUTHORITY = 0x02;
const CRC32C = 0x03;
const UNIQUE_ID = 0x05;
const SSL = 0x20;
const MAX_UNIQUE_ID_BYTES = 128;
/** Names of the fields within SSL. */
const SSL_TEXTS = {
  0x21: "version",
  0x22: "commonName",
  0x23: "cipher",
  0x24: "signatureAlgorithm",
  0x25: "keyAlgorithm",
} as const;
/** Bits of the first byte of SSL. */
const IS_TLS = 1;
const HAS_CERTIFICATE = 2 | 4;

const strictText = /* @__PURE__ */ new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});
const utf8 = /* @__PURE__ */ new TextEncoder();

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
    return bytes.length < FIXED_BYTES
      ? checkEarly(bytes)
      : decodeBinary(bytes, maxHeaderBytes);
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

function malformed(why: string): MalformedFrameError {
  return new MalformedFrameError(`Cannot ${DECODE}: ${why}`, {
    operation: DECODE,
  });
}

/** The first bytes, for people. */
function shown(bytes: Uint8Array): string {
  return `0x${bytes.subarray(0, SIGNATURE.length).toHex()}`;
}

// ---- version 1 ---------------------------------------------------------------

function decodeLine(
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
  let line = "";
  for (let i = PREFIX.length; i < end - 1; i++) {
    line += String.fromCharCode(start[i]);
  }
  const byteLength = end + 1;
  // What follows UNKNOWN must be ignored.
  if (line === "UNKNOWN" || line.startsWith("UNKNOWN ")) {
    return { header: { version: 1, command: "unknown" }, byteLength };
  }
  const [family, source, destination, ...ports] = line.split(" ");
  const isGood = (family === "TCP4" || family === "TCP6") &&
    [source, destination].every((host) => isOfFamily(host, family)) &&
    ports.length === 2 && ports.every(isPort);
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
      sourceAddr: addrOf(source, ports[0]),
      destinationAddr: addrOf(destination, ports[1]),
    },
    byteLength,
  };
}

function isOfFamily(host: string | undefined, family: string): boolean {
  return host !== undefined && !host.includes("%") &&
    parseIp(host) !== undefined && host.includes(":") === (family === "TCP6");
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff;
}

// ---- version 2 ---------------------------------------------------------------

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

function decodeBinary(
  bytes: Uint8Array,
  maxHeaderBytes: number,
): DecodedProxyHeader | undefined {
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
    ...decodeAddresses(whole, family),
    ...decodeFields(whole, FIXED_BYTES + addressBytes),
  };
  return { header, byteLength };
}

function tooLarge(limit: number, claimed: number | undefined): Error {
  return new FrameTooLargeError(limit, claimed, { operation: DECODE });
}

function decodeAddresses(
  bytes: Uint8Array,
  family: number,
): Pick<ProxyHeader, "sourceAddr" | "destinationAddr"> {
  if (family === 0) return {};
  if (family >> 4 === 3) {
    const transport = family === 0x31 ? "unix" : "unixpacket";
    const pathAt = (at: number): Addr => ({
      transport,
      path: pathOf(bytes.subarray(at, at + UNIX_PATH_BYTES)),
    });
    return {
      sourceAddr: pathAt(FIXED_BYTES),
      destinationAddr: pathAt(FIXED_BYTES + UNIX_PATH_BYTES),
    };
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
  return { sourceAddr: addrAt(0), destinationAddr: addrAt(1) };
}

/** A path ends at its first zero; one of the abstract namespace begins with one. */
function pathOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0, bytes[0] === 0 ? 1 : 0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? undefined : end));
}

function decodeFields(bytes: Uint8Array, start: number): ProxyFields {
  const tlvs = splitFields(bytes, start);
  const fields: ProxyFields = { tlvs };
  let at = start;
  for (const { type, value } of tlvs) {
    at += 3;
    switch (type) {
      case ALPN:
        fields.alpn = textOf("ALPN", value);
        break;
      case AUTHORITY:
        fields.authority = textOf("authority", value);
        break;
      case CRC32C:
        checkSum(bytes, at, value.length);
        break;
      case UNIQUE_ID:
        if (value.length > MAX_UNIQUE_ID_BYTES) {
          throw malformed(
            `its unique id must be at most ${MAX_UNIQUE_ID_BYTES} bytes long, got ${value.length}`,
          );
        }
        fields.uniqueId = value;
        break;
      case SSL:
        fields.tls = decodeTls(value);
    }
    at += value.length;
  }
  return fields;
}

function splitFields(bytes: Uint8Array, start: number): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  for (let at = start; at < bytes.length;) {
    const end = at + 3 + (bytes[at + 1] << 8 | bytes[at + 2]);
    if (!(end <= bytes.length)) {
      throw malformed("its fields must end where the header does");
    }
    tlvs.push({ type: bytes[at], value: bytes.slice(at + 3, end) });
    at = end;
  }
  return tlvs;
}

function textOf(name: string, value: Uint8Array): string {
  try {
    return strictText.decode(value);
  } catch {
    throw malformed(`its ${name} must be UTF-8`);
  }
}

function decodeTls(value: Uint8Array): ProxyTls | undefined {
  if (value.length < 5) {
    throw malformed(
      `its TLS field must be at least 5 bytes long, got ${value.length}`,
    );
  }
  const [client] = value;
  if ((client & IS_TLS) === 0) return undefined;
  const hasCertificate = (client & HAS_CERTIFICATE) !== 0;
  // Zero for success, and also where there was nothing to verify.
  const isVerified = hasCertificate &&
    value.subarray(1, 5).every((byte) => byte === 0);
  const tls: ProxyTls = { hasCertificate, isVerified };
  for (const { type, value: text } of splitFields(value, 5)) {
    const name = (SSL_TEXTS as Record<number, TlsText | undefined>)[type];
    if (name !== undefined) tls[name] = textOf(`TLS ${name}`, text);
  }
  return tls;
}

type TlsText = (typeof SSL_TEXTS)[keyof typeof SSL_TEXTS];

function checkSum(bytes: Uint8Array, at: number, length: number): void {
  if (length !== 4) {
    throw malformed(`its checksum must be 4 bytes long, got ${length}`);
  }
  const sent = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
  if (sent !== crc32c(bytes, at)) {
    throw malformed("its checksum must be that of the header");
  }
}

let crcTable: Uint32Array | undefined;

/** The checksum of a header, with the four bytes at `hole` taken for zero. */
function crc32c(bytes: Uint8Array, hole: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, value) => {
    for (let bit = 0; bit < 8; bit++) {
      value = value & 1 ? value >>> 1 ^ 0x82f63b78 : value >>> 1;
    }
    return value;
  });
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = i >= hole && i < hole + 4 ? 0 : bytes[i];
    crc = crc >>> 8 ^ crcTable[(crc ^ byte) & 0xff];
  }
  return ~crc >>> 0;
}

// ---- encoding ----------------------------------------------------------------

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
export function encodeProxyHeader(init: ProxyHeaderInit): Uint8Array {
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

interface EncodedAddresses {
  family: number;
  bytes: Uint8Array;
}

function encodeAddresses(
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
    checkText(ENCODE, `path of ${name}`, path);
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

function encodeLine(
  init: ProxyHeaderInit,
  command: ProxyHeader["command"],
  family: number,
): Uint8Array {
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

function encodeBinary(
  fields: ProxyFields & { checksum?: boolean },
  command: ProxyHeader["command"],
  addresses: EncodedAddresses,
): Uint8Array {
  const parts = [addresses.bytes, ...encodeFields(fields)];
  if (fields.checksum) parts.push(tlv("checksum", CRC32C, new Uint8Array(4)));
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
  if (fields.checksum) {
    const at = bytes.length - 4;
    new DataView(bytes.buffer).setUint32(at, crc32c(bytes, at));
  }
  return bytes;
}

function encodeFields(fields: ProxyFields): Uint8Array[] {
  const { alpn, authority, uniqueId, tls, tlvs = [] } = fields;
  const parts: Uint8Array[] = [];
  if (alpn !== undefined) parts.push(textTlv("alpn", ALPN, alpn));
  if (authority !== undefined) {
    parts.push(textTlv("authority", AUTHORITY, authority));
  }
  if (uniqueId !== undefined) {
    checkBytes(ENCODE, "uniqueId", uniqueId);
    if (uniqueId.length > MAX_UNIQUE_ID_BYTES) {
      const must = `at most ${MAX_UNIQUE_ID_BYTES} bytes long`;
      throw outOfRange(ENCODE, "uniqueId", must, uniqueId.length);
    }
    parts.push(tlv("uniqueId", UNIQUE_ID, uniqueId));
  }
  if (tls !== undefined) parts.push(tlv("tls", SSL, encodeTls(tls)));
  // What is said above is not said twice, and a checksum is made anew.
  const said = new Set([CRC32C]);
  if (alpn !== undefined) said.add(ALPN);
  if (authority !== undefined) said.add(AUTHORITY);
  if (uniqueId !== undefined) said.add(UNIQUE_ID);
  if (tls !== undefined) said.add(SSL);
  if (!Array.isArray(tlvs)) throw wrongKind(ENCODE, "tlvs", "an array", tlvs);
  for (const each of tlvs) {
    checkObject(ENCODE, "each of tlvs", each);
    const { type, value }: Partial<ProxyTlv> = each;
    checkInteger(ENCODE, "type of tlvs", type, 0, 0xff);
    checkBytes(ENCODE, "value of tlvs", value);
    if (!said.has(type)) parts.push(tlv("tlvs", type, value));
  }
  return parts;
}

function encodeTls(tls: ProxyTls): Uint8Array {
  checkObject(ENCODE, "tls", tls);
  checkBoolean(ENCODE, "hasCertificate of tls", tls.hasCertificate);
  checkBoolean(ENCODE, "isVerified of tls", tls.isVerified);
  const client = IS_TLS | (tls.hasCertificate ? HAS_CERTIFICATE : 0);
  const verify = tls.hasCertificate && !tls.isVerified ? 1 : 0;
  const parts: Uint8Array[] = [Uint8Array.of(client, 0, 0, 0, verify)];
  for (const [type, name] of Object.entries(SSL_TEXTS)) {
    const text = tls[name];
    if (text !== undefined) parts.push(textTlv(name, Number(type), text));
  }
  return concat(parts);
}

function textTlv(name: string, type: number, text: unknown): Uint8Array {
  checkText(ENCODE, name, text);
  return tlv(name, type, utf8.encode(text));
}

function tlv(name: string, type: number, value: Uint8Array): Uint8Array {
  if (value.length > 0xffff) {
    const must = `at most ${0xffff} bytes long`;
    throw outOfRange(ENCODE, name, must, value.length);
  }
  return concat([Uint8Array.of(type), uint16(value.length), value]);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
