/**
 * A zone: its records from a zone file (RFC 1035, section 5), and what it answers.
 *
 * @module
 */

import {
  IN,
  isWithin,
  type Message,
  parentOf,
  parseAddressBytes,
  parseName,
  parseType,
  type Question,
  RCODES,
  type RecordData,
  type ResourceRecord,
} from "./message.ts";

/** The zone file is wrong; the message names the line and what it must be. */
export class ZoneError extends Error {
  static {
    this.prototype.name = "ZoneError";
  }

  /** Says in one line what is wrong. */
  constructor(line: number, what: string) {
    super(`Cannot read the zone: line ${line}: ${what}`);
  }
}

/** What the zone says to a question. */
export type ZoneAnswer = Pick<
  Message,
  "rcode" | "isAuthoritative" | "answers" | "authorities" | "additionals"
>;

type Soa = Extract<ResourceRecord, { type: "SOA" }>;

/** Most CNAME records that are followed for one question. */
const MAX_ALIASES = 16;

/** A zone in memory. */
export class Zone {
  /** The name that all others are below. */
  readonly name: string;
  readonly #soa: Soa;
  /** The records of each name; none of a name that is only above others. */
  readonly #records = new Map<string, ResourceRecord[]>();

  /**
   * @param text A zone file.
   * @throws {ZoneError} It is wrong.
   */
  constructor(text: string) {
    const entries = parseZone(text);
    const [first] = entries;
    if (first === undefined || !isSoa(first.record)) {
      throw new ZoneError(first?.line ?? 1, "the first record must be the SOA");
    }
    this.#soa = first.record;
    this.name = first.record.name;
    for (const { line, record } of entries) this.#add(line, record);
  }

  /** How many records it has. */
  get size(): number {
    return [...this.#records.values()].flat().length;
  }

  #add(line: number, record: ResourceRecord): void {
    if (!isWithin(record.name, this.name)) {
      throw new ZoneError(
        line,
        `a name must be within ${this.name}, got ${record.name}`,
      );
    }
    if (record.type === "SOA" && record !== this.#soa) {
      throw new ZoneError(line, "a second SOA must not be there");
    }
    const key = record.name.toLowerCase();
    const others = this.#records.get(key) ?? [];
    const isAlias = record.type === "CNAME";
    if (others.some(({ type }) => isAlias || type === "CNAME")) {
      throw new ZoneError(
        line,
        `a CNAME must be the only record of its name, got more for ${record.name}`,
      );
    }
    this.#records.set(key, [...others, record]);
    // Names above exist, too, though they have nothing.
    let above = parentOf(key);
    while (above !== undefined && isWithin(above, this.name)) {
      if (!this.#records.has(above)) this.#records.set(above, []);
      above = parentOf(above);
    }
  }

  /** What it says to a question of class IN. */
  answer({ name, type }: Question): ZoneAnswer {
    const answers: ResourceRecord[] = [];
    const reply = (said: Partial<ZoneAnswer>): ZoneAnswer => ({
      rcode: RCODES.NOERROR,
      isAuthoritative: true,
      answers,
      authorities: [],
      additionals: [],
      ...said,
    });
    let asked = name;
    for (let aliases = 0; aliases < MAX_ALIASES; aliases++) {
      if (!isWithin(asked, this.name)) {
        // An alias may lead out of the zone; what is there others know.
        return answers.length > 0
          ? reply({})
          : reply({ rcode: RCODES.REFUSED, isAuthoritative: false });
      }
      const delegation = this.#delegationOf(asked);
      if (delegation !== undefined) {
        return reply({
          isAuthoritative: answers.length > 0,
          authorities: delegation,
          additionals: this.#addressesFor(delegation),
        });
      }
      const found = this.#find(asked);
      if (found === undefined) {
        return reply({
          rcode: RCODES.NXDOMAIN,
          authorities: [this.#negative()],
        });
      }
      const matching = found.filter((record) => record.type === type);
      if (matching.length > 0) {
        answers.push(...matching);
        return reply({ additionals: this.#addressesFor(matching) });
      }
      const [alias] = found;
      if (alias === undefined || alias.type !== "CNAME" || "bytes" in alias) {
        return reply({ authorities: [this.#negative()] });
      }
      answers.push(alias);
      asked = alias.target;
    }
    // Aliases that lead to each other.
    return reply({ rcode: RCODES.SERVFAIL, answers: [] });
  }

  /** The records of a name, if it exists: its own, or those of a wildcard. */
  #find(name: string): ResourceRecord[] | undefined {
    const key = name.toLowerCase();
    const own = this.#records.get(key);
    if (own !== undefined) return own;
    // RFC 4592: the wildcard below the next name that exists.
    let above = parentOf(key);
    while (above !== undefined && !this.#records.has(above)) {
      above = parentOf(above);
    }
    return this.#records.get(above === "." ? "*." : `*.${above}`)
      ?.map((record) => ({ ...record, name }));
  }

  /** The NS records of the part of the zone that others have, if the name is in one. */
  #delegationOf(name: string): ResourceRecord[] | undefined {
    let found: ResourceRecord[] | undefined;
    let at: string | undefined = name.toLowerCase();
    while (at !== undefined && at.length > this.name.length) {
      const servers = this.#records.get(at)?.filter(({ type }) =>
        type === "NS"
      );
      if (servers !== undefined && servers.length > 0) found = servers;
      at = parentOf(at);
    }
    return found;
  }

  /** The addresses of the hosts that records name, as far as they are in the zone. */
  #addressesFor(records: readonly ResourceRecord[]): ResourceRecord[] {
    const hosts = new Set<string>();
    for (const record of records) {
      if (record.type === "CNAME" || record.type === "PTR") continue;
      if ("target" in record) hosts.add(record.target.toLowerCase());
      if ("exchange" in record) hosts.add(record.exchange.toLowerCase());
    }
    return [...hosts].flatMap((host) => this.#records.get(host) ?? [])
      .filter(({ type }) => type === "A" || type === "AAAA");
  }

  /** The SOA, with how long it may be kept that something is not there. */
  #negative(): ResourceRecord {
    const { ttl, minimum } = this.#soa;
    return { ...this.#soa, ttl: Math.min(ttl, minimum) };
  }
}

function isSoa(record: ResourceRecord): record is Soa {
  return record.type === "SOA";
}

interface Entry {
  line: number;
  record: ResourceRecord;
}

interface Token {
  text: string;
  isQuoted: boolean;
}

interface Line {
  number: number;
  /** Whether it begins with a blank: its name is the one before. */
  isIndented: boolean;
  tokens: Token[];
}

/** A comment, a text in quotes, a parenthesis, or a word. */
const TOKEN = /;.*|"((?:[^"\\]|\\.)*)"|([()])|((?:[^\s;"()\\]|\\.)+)|\S/g;

/** The lines of a zone file; what parentheses hold is one line. */
function* linesOf(text: string): Generator<Line> {
  let open: Line | undefined;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const number = i + 1;
    let depth = open === undefined ? 0 : 1;
    const current: Line = open ??
      { number, isIndented: /^[ \t]/.test(line), tokens: [] };
    for (const [all, quoted, parenthesis, word] of line.matchAll(TOKEN)) {
      if (all.startsWith(";")) continue;
      if (parenthesis === "(") depth++;
      else if (parenthesis === ")") depth--;
      else if (quoted !== undefined) {
        current.tokens.push({ text: quoted, isQuoted: true });
      } else if (word !== undefined) {
        current.tokens.push({ text: word, isQuoted: false });
      } else {
        throw new ZoneError(number, `${JSON.stringify(all)} must be closed`);
      }
      if (depth < 0 || depth > 1) {
        throw new ZoneError(number, "parentheses must not be in each other");
      }
    }
    open = depth === 1 ? current : undefined;
    if (open === undefined && current.tokens.length > 0) yield current;
  }
  if (open !== undefined) {
    throw new ZoneError(open.number, "a parenthesis must be closed");
  }
}

function parseZone(text: string): Entry[] {
  const entries: Entry[] = [];
  let origin = ".";
  let defaultTtl: number | undefined;
  let owner: string | undefined;
  for (const line of linesOf(text)) {
    const { number, tokens } = line;
    const fail = (what: string): never => {
      throw new ZoneError(number, what);
    };
    const nameOf = (text: string): string => {
      if (text === "@") return origin;
      const isWhole = /(?:^|[^\\])(?:\\\\)*\.$/.test(text);
      const suffix = isWhole ? "" : origin === "." ? "." : `.${origin}`;
      try {
        return parseName(text + suffix);
      } catch (error) {
        return fail((error as Error).message);
      }
    };
    const next = (what: string): string =>
      (tokens.shift() ?? fail(`${what} must be there`)).text;

    const [{ text: first }] = tokens;
    if (first.startsWith("$")) {
      tokens.shift();
      if (first === "$ORIGIN") origin = nameOf(next("a name"));
      else if (first === "$TTL") defaultTtl = secondsOf(next("a TTL"), fail);
      else fail(`what begins with $ must be $ORIGIN or $TTL, got ${first}`);
      if (tokens.length > 0) fail("nothing more must be there");
      continue;
    }
    if (!line.isIndented) owner = nameOf(next("a name"));
    const name = owner ?? fail("the first record must have a name");
    let ttl: number | undefined;
    let word = next("a type");
    // The TTL and the class come in any order, and may be left out.
    for (let i = 0; i < 2; i++) {
      if (/^\d/.test(word) && ttl === undefined) {
        ttl = secondsOf(word, fail);
      } else if (word.toUpperCase() !== "IN") break;
      word = next("a type");
    }
    const data = dataOf(word, { tokens, next, nameOf, fail });
    if (tokens.length > 0) fail("nothing more must be there");
    ttl ??= defaultTtl ??
      (data.type === "SOA" && "minimum" in data
        ? data.minimum
        : fail("a TTL must be there, or $TTL above"));
    defaultTtl ??= ttl;
    entries.push({ line: number, record: { name, class: IN, ttl, ...data } });
  }
  return entries;
}

/** How the data of a record is read. */
interface DataReader {
  tokens: Token[];
  next(what: string): string;
  nameOf(text: string): string;
  fail(what: string): never;
}

function dataOf(word: string, reader: DataReader): RecordData {
  const { tokens, next, nameOf, fail } = reader;
  const type = parseType(word);
  const number = (what: string, most = 65_535): number => {
    const text = next(what);
    if (/^\d{1,10}$/.test(text) && Number(text) <= most) return Number(text);
    return fail(`${what} must be a number up to ${most}, got ${text}`);
  };
  switch (type) {
    case "A":
    case "AAAA": {
      const address = next("an address");
      try {
        parseAddressBytes(type, address);
      } catch (error) {
        fail((error as Error).message);
      }
      return { type, address };
    }
    case "CNAME":
    case "NS":
    case "PTR":
      return { type, target: nameOf(next("a name")) };
    case "MX":
      return {
        type,
        preference: number("a preference"),
        exchange: nameOf(next("a name")),
      };
    case "TXT": {
      if (tokens.length === 0) fail("a text must be there");
      return {
        type,
        texts: tokens.splice(0).map(({ text }) => textBytes(text, fail)),
      };
    }
    case "SRV":
      return {
        type,
        priority: number("a priority"),
        weight: number("a weight"),
        port: number("a port"),
        target: nameOf(next("a name")),
      };
    case "SOA":
      return {
        type,
        primary: nameOf(next("a name")),
        mailbox: nameOf(next("a mailbox")),
        serial: number("a serial", 0xffff_ffff),
        refresh: secondsOf(next("a time"), fail),
        retry: secondsOf(next("a time"), fail),
        expire: secondsOf(next("a time"), fail),
        minimum: secondsOf(next("a time"), fail),
      };
    default:
      return fail(
        `a type must be A, AAAA, CNAME, NS, SOA, MX, TXT, SRV or PTR, got ${word}`,
      );
  }
}

function textBytes(text: string, fail: (what: string) => never): Uint8Array {
  const parts: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, digits, escaped] of text.matchAll(/\\(\d{3})|\\(.)|./gsu)) {
    if (digits === undefined) parts.push(...encoder.encode(escaped ?? part));
    else if (Number(digits) <= 255) parts.push(Number(digits));
    else fail(`an escape must be up to 255, got ${part}`);
  }
  if (parts.length > 255) {
    fail(`a text must be of at most 255 bytes, got ${parts.length}`);
  }
  return Uint8Array.from(parts);
}

const UNITS: Record<string, number> = {
  "": 1,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
};

/** Seconds, as `3600` or `1h`. */
function secondsOf(text: string, fail: (what: string) => never): number {
  const [, digits, unit] = /^(\d{1,10})([smhdw]?)$/i.exec(text) ?? [];
  const seconds = Number(digits) * UNITS[unit?.toLowerCase()];
  if (seconds <= 0x7fff_ffff) return seconds;
  return fail(`a time must be seconds or such as 1h, got ${text}`);
}
