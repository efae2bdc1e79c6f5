/**
 * The fields of a header of version 2 (TLVs: a type, a length, a value), and its checksum,
 * which is one of them.
 *
 * @module
 */

import {
  checkBoolean,
  checkBytes,
  checkInteger,
  checkObject,
  checkText,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import { ENCODE, malformed } from "./_errors.ts";
import type {
  ProxyFields,
  ProxyHeaderInit,
  ProxyTls,
  ProxyTlv,
} from "./header.ts";

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

/** Adds to `fields` what stands in `bytes`, which are the whole header, from `start` on. */
export function decodeFields(
  bytes: Uint8Array,
  start: number,
  fields: ProxyFields,
): void {
  const tlvs = fields.tlvs = splitFields(bytes, start);
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

/** Fills in the checksum of a header, whose last field it is. */
export function setChecksum(bytes: Uint8Array): void {
  const at = bytes.length - 4;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, crc32c(bytes, at));
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

/** The fields, one after the other; the checksum, if any, comes last and is yet to be set. */
export function encodeFields(fields: ProxyHeaderInit): Uint8Array[] {
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
  // Fields that were written above are not written twice, and the checksum is computed
  // anew.
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
  if (fields.checksum) parts.push(tlv("checksum", CRC32C, new Uint8Array(4)));
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

/** A number of two bytes, the high one first. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** All of these bytes, one after the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
