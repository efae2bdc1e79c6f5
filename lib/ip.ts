/**
 * IP addresses and ranges of them, for lists of clients to allow or deny.
 *
 * @module
 */

import { show, wrongKind } from "./_check.ts";

/**
 * The bytes of an IP address, 4 or 16 of them; `undefined` for anything else.
 *
 * An IPv4 address that came over an IPv6 socket (`::ffff:1.2.3.4`) gives 4 bytes: it
 * is the same peer. A zone (`fe80::1%eth0`) is left out. Forms that systems read
 * differently (`127.1`, `010.0.0.1`) are not addresses.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text.replace(/%[^\s%/:\[\]]+$/, ""));
  return bytes !== undefined && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

const DOT = 46;
const ZERO = 48;

/** By its characters, as it is done for each connection that is told apart by its address. */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let count = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (digits === 0 || value > 255 || count === 4) return undefined;
      bytes[count++] = value;
      digits = value = 0;
      continue;
    }
    const digit = code - ZERO;
    const isOctal = digits > 0 && value === 0;
    if (digit < 0 || digit > 9 || isOctal || digits === 3) return undefined;
    value = 10 * value + digit;
    digits++;
  }
  return count === 4 ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 1 ? [] : parseGroups(halves[1], true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The bytes of groups between colons; the last may be a dotted IPv4 address. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    if (isEnd && i === groups.length - 1 && group.includes(".")) {
      const ipv4 = parseIpv4(group);
      if (ipv4 === undefined) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[\da-f]{1,4}$/i.test(group)) return undefined;
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

/**
 * The text of the 4 or 16 bytes of an IP address, as RFC 5952 has it: in lower case, with
 * the first of the longest runs of zeros left out.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}`;
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[2 * i] << 8 | bytes[2 * i + 1]).toString(16),
  );
  const zeros = groups.join(":").match(/\b0(:0)+\b/g) ?? [];
  const longest = zeros.reduce(
    (run, other) => other.length > run.length ? other : run,
    "",
  );
  if (longest === "") return groups.join(":");
  const at = ` ${groups.join(" ")} `;
  const run = ` ${longest.replaceAll(":", " ")} `;
  const [head, ...tail] = at.split(run);
  const join = (text: string) => text.trim().replaceAll(" ", ":");
  return `${join(head)}::${join(tail.join(run))}`;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff &&
    bytes.subarray(0, 10).every((byte) => byte === 0);
}

interface Range {
  bytes: Uint8Array;
  /** Bits that count, from the front. */
  prefix: number;
}

/**
 * A list of IP addresses and ranges (CIDR): `"10.0.0.0/8"`, `"::1"`, `"fc00::/7"`.
 *
 * IPv4 and IPv6 are apart: `::/0` holds no IPv4 address, however it came in, and
 * `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 */
export class IpRanges {
  readonly #ranges: Range[];

  /**
   * @param name The option that the list is, for messages.
   * @param texts Addresses and ranges.
   * @throws {TypeError} One of them is neither.
   */
  constructor(name: string, texts: readonly string[]) {
    if (!Array.isArray(texts)) {
      throw wrongKind("read the ranges", name, "an array", texts);
    }
    // Also where the array has holes: `map` passes over them.
    this.#ranges = Array.from(texts, (text) => parseRange(name, text));
  }

  /** Whether `address` is in one of the ranges; what is no IP address is in none. */
  includes(address: string): boolean {
    const bytes = parseIp(address);
    return bytes !== undefined &&
      this.#ranges.some((range) => contains(range, bytes));
  }
}

function parseRange(name: string, text: string): Range {
  const fail = (need: string) => {
    throw new TypeError(
      `Cannot read the ranges: each of ${name} must ${need}, got ${show(text)}`,
    );
  };
  const [, ip, bits] = typeof text === "string"
    ? /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
    : [];
  const bytes = ip === undefined ? undefined : parseIp(ip);
  if (bytes === undefined) return fail("be an IP address or a CIDR range");
  // A mapped range counts its bits from the front of the IPv6 address.
  const offset = ip.includes(":") && bytes.length === 4 ? 96 : 0;
  const most = bytes.length * 8;
  const prefix = bits === undefined ? most : Number(bits) - offset;
  if (prefix < 0 || prefix > most) {
    return fail(`have a prefix from ${offset} to ${offset + most}`);
  }
  if (hasBitAfter(bytes, prefix)) {
    // 10.1.2.3/8 is a mistake, and guessing its meaning may let in the wrong clients.
    return fail("have no bit set after its prefix");
  }
  return { bytes, prefix };
}

function hasBitAfter(bytes: Uint8Array, prefix: number): boolean {
  const whole = prefix >> 3;
  return bytes.some((byte, i) =>
    i > whole ? byte !== 0 : i === whole && (byte & 0xff >> (prefix & 7)) !== 0
  );
}

function contains(range: Range, bytes: Uint8Array): boolean {
  if (range.bytes.length !== bytes.length) return false;
  const whole = range.prefix >> 3;
  for (let i = 0; i < whole; i++) {
    if (bytes[i] !== range.bytes[i]) return false;
  }
  const mask = 0xff00 >> (range.prefix & 7) & 0xff;
  return whole === bytes.length ||
    (bytes[whole] & mask) === (range.bytes[whole] & mask);
}

/**
 * What counts as one client: an IPv4 address, the first half of an IPv6 address (a /64 is
 * the least that one customer gets), an IPv4 address also where it came over IPv6. Text
 * that is no IP address is its own key.
 */
export function addressKey(hostname: string): string {
  const bytes = parseIp(hostname);
  if (bytes === undefined) return hostname;
  if (bytes.length === 4) return bytes.join(".");
  const groups = [0, 2, 4, 6].map((at) =>
    (bytes[at] << 8 | bytes[at + 1]).toString(16)
  );
  return `${groups.join(":")}::/64`;
}

/**
 * A host without the brackets that `URL.hostname` puts around an IPv6 address; any other
 * text as it is.
 */
export function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") && /^\[[^\[\]]*:[^\[\]]*\]$/.test(hostname)
    ? hostname.slice(1, -1)
    : hostname;
}

/** Whether it is an address that means something else on every network (`fe80::/10`). */
export function isLinkLocal(hostname: string): boolean {
  if (!hostname.includes(":")) return false;
  const bytes = parseIp(hostname);
  return bytes?.length === 16 && bytes[0] === 0xfe &&
    (bytes[1] & 0xc0) === 0x80;
}
