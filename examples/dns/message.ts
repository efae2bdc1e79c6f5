/**
 * DNS messages, from bytes and to bytes (RFC 1035, with EDNS of RFC 6891).
 *
 * Every message that is malformed ends in a `MalformedFrameError`, and none costs more than
 * in proportion to its size: a compressed name points backward only, and holds at most 255
 * bytes; a count is believed as far as there are bytes for it. Records of a type that is not
 * known here keep their bytes.
 *
 * Names are texts that end with a dot, `www.example.test.`, the root is `.`. What is no
 * letter, digit, hyphen or underscore is escaped as in zone files, `\.` and `\032`, so that
 * names can be printed as they are.
 *
 * @module
 */

import { isIPv4, isIPv6 } from "node:net";
import { MalformedFrameError } from "@sluice/net";

/** The types whose records are understood. */
export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
} as const;

/** The name of a type, or its number where it is not one of them. */
export type RecordType = keyof typeof TYPES | number;

/** Types that only questions have, and the one that carries EDNS. */
export const OPT = 41;
export const IXFR = 251;
export const AXFR = 252;
export const ANY = 255;

/** The class of the internet, the only one that is served. */
export const IN = 1;

/** How a question ended, as far as this program says so itself. */
export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** Most bytes of a message over TCP, and of one over UDP without EDNS. */
export const MAX_MESSAGE_BYTES = 65_535;
export const PLAIN_UDP_BYTES = 512;
/** Most bytes of a message over UDP: more would be sent in pieces, which get lost. */
export const MAX_UDP_BYTES = 1_232;

/** What is asked. */
export interface Question {
  name: string;
  type: RecordType;
  class: number;
}

/** What a record says, by its type. */
export type RecordData =
  | { type: "A" | "AAAA"; address: string }
  | { type: "CNAME" | "NS" | "PTR"; target: string }
  | { type: "MX"; preference: number; exchange: string }
  | { type: "TXT"; texts: Uint8Array[] }
  | {
    type: "SRV";
    priority: number;
    weight: number;
    port: number;
    target: string;
  }
  | {
    type: "SOA";
    primary: string;
    mailbox: string;
    serial: number;
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  }
  | { type: number; bytes: Uint8Array };

/** One record. */
export type ResourceRecord = RecordData & {
  name: string;
  class: number;
  /** Seconds. */
  ttl: number;
};

/** What both sides say of EDNS. Its options are left out. */
export interface Edns {
  /** Most bytes of an answer over UDP that its sender takes. */
  payloadBytes: number;
  version: number;
  /** The DO bit: who asks takes records of DNSSEC, of which there are none here. */
  dnssecOk?: boolean;
}

/** A message. The OPT record is `edns`, and not in `additionals`. */
export interface Message {
  id: number;
  isResponse: boolean;
  opcode: number;
  isAuthoritative: boolean;
  isTruncated: boolean;
  recursionDesired: boolean;
  recursionAvailable: boolean;
  /** The code, with the upper bits of EDNS. */
  rcode: number;
  questions: Question[];
  answers: ResourceRecord[];
  authorities: ResourceRecord[];
  additionals: ResourceRecord[];
  edns?: Edns | undefined;
}

const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
/** Of EDNS. */
const DO = 0x8000;

export const HEADER_BYTES = 12;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** A name has no more labels than these, so that it needs no more pointers. */
const MAX_POINTERS = 127;
/** The fixed part of a question, and of a record, behind its name. */
const OPT_BYTES = 11;

const NAMES = new Map<number, keyof typeof TYPES>(
  Object.entries(TYPES).map((
    [name, number],
  ) => [number, name as keyof typeof TYPES]),
);

/** The number of a type. */
export function typeNumber(type: RecordType): number {
  return typeof type === "number" ? type : TYPES[type];
}

/** A type as people write it: `MX`, `ANY`, or `TYPE65` as RFC 3597 has it. */
export function typeText(type: RecordType): string {
  if (type === ANY) return "ANY";
  if (type === AXFR) return "AXFR";
  if (type === IXFR) return "IXFR";
  return typeof type === "number" ? `TYPE${type}` : type;
}

/** The type of a text such as `mx` or `TYPE65`; `undefined` if it is none. */
export function parseType(text: string): RecordType | undefined {
  const upper = text.toUpperCase();
  if (Object.hasOwn(TYPES, upper)) return upper as keyof typeof TYPES;
  if (upper === "ANY") return ANY;
  if (upper === "AXFR") return AXFR;
  const [, digits] = /^TYPE(\d{1,5})$/.exec(upper) ?? [];
  const number = Number(digits);
  if (!(number <= 65_535)) return undefined;
  return NAMES.get(number) ?? number;
}

/** The code as people write it. */
export function rcodeText(rcode: number): string {
  const [name] = Object.entries(RCODES).find(([, code]) => code === rcode) ??
    [`RCODE${rcode}`];
  return name;
}

/**
 * A name in the form that messages have it in, from a text that may lack its last dot.
 *
 * @throws {RangeError} It is no name.
 */
export function parseName(text: string): string {
  return formatLabels(parseLabels(text));
}

/** Whether two names are the same: upper and lower case are. */
export function isSameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** The name above, `example.test.` of `www.example.test.`; of the root it is `undefined`. */
export function parentOf(name: string): string | undefined {
  if (name === ".") return undefined;
  for (let at = 0; at < name.length; at++) {
    if (name[at] === "\\") at++;
    else if (name[at] === ".") return name.slice(at + 1) || ".";
  }
  return ".";
}

/** Whether a name is that of a zone, or below it. */
export function isWithin(name: string, zone: string): boolean {
  let above: string | undefined = name;
  // Label by label: a dot may be escaped.
  while (above !== undefined && above.length > zone.length) {
    above = parentOf(above);
  }
  return above !== undefined && isSameName(above, zone);
}

/** The bytes of each label. */
function parseLabels(text: string): Uint8Array[] {
  const fault = (must: string) =>
    new RangeError(`Cannot use a name: ${must}, got ${JSON.stringify(text)}`);
  if (text === ".") return [];
  const labels: Uint8Array[] = [];
  let bytes: number[] = [];
  let size = 1;
  const endLabel = () => {
    if (bytes.length === 0) throw fault("no label may be empty");
    if (bytes.length > MAX_LABEL_BYTES) {
      throw fault("a label must be of at most 63 bytes");
    }
    labels.push(Uint8Array.from(bytes));
    size += 1 + bytes.length;
    bytes = [];
  };
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at);
    if (text[at] === ".") {
      endLabel();
      continue;
    }
    if (text[at] === "\\") {
      const [, digits] = /^(\d{3})/.exec(text.slice(at + 1, at + 4)) ?? [];
      code = digits === undefined ? text.charCodeAt(++at) : Number(digits);
      if (digits !== undefined) at += 3;
      if (!(code <= 255)) {
        throw fault("an escape must be \\DDD up to 255 or a character");
      }
    } else if (code <= 0x20 || code >= 0x7f) {
      throw fault("it must be of printable ASCII characters");
    }
    bytes.push(code);
  }
  if (bytes.length > 0 || text === "") endLabel();
  if (size > MAX_NAME_BYTES) throw fault("it must be of at most 255 bytes");
  return labels;
}

function formatLabels(labels: readonly Uint8Array[]): string {
  if (labels.length === 0) return ".";
  let text = "";
  for (const label of labels) {
    for (const byte of label) text += BYTE_TEXTS[byte];
    text += ".";
  }
  return text;
}

/** How each byte of a label is written. */
const BYTE_TEXTS: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[\w\-*\/]/.test(character)) return character;
  if (byte > 0x20 && byte < 0x7f) return `\\${character}`;
  return `\\${String(byte).padStart(3, "0")}`;
});

function malformed(what: string): MalformedFrameError {
  return new MalformedFrameError(`Cannot decode a DNS message: ${what}`);
}

/** Reads a message from its first byte on. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)];
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** A name, which may go on at an earlier place of the message. */
  name(): string {
    const labels: Uint8Array[] = [];
    const bytes = this.#bytes;
    /** Where the part that is read begins: a pointer leads to before it. */
    let start = this.at;
    let at = this.at;
    let size = 1;
    let pointers = 0;
    while (true) {
      if (at >= bytes.length) throw malformed("it ends in a name");
      const length = bytes[at];
      if (length === 0) {
        if (pointers === 0) this.at = at + 1;
        return formatLabels(labels);
      }
      if (length >= 0xc0) {
        if (at + 1 >= bytes.length) throw malformed("it ends in a pointer");
        const target = (length & 0x3f) << 8 | bytes[at + 1];
        if (target >= start) {
          throw malformed("a pointer of a name does not lead back");
        }
        if (pointers === 0) this.at = at + 2;
        if (++pointers > MAX_POINTERS) {
          throw malformed(`a name has more than ${MAX_POINTERS} pointers`);
        }
        start = at = target;
        continue;
      }
      if (length > MAX_LABEL_BYTES) {
        throw malformed("a label is of a kind that is not known");
      }
      size += 1 + length;
      if (size > MAX_NAME_BYTES) {
        throw malformed(`a name is longer than ${MAX_NAME_BYTES} bytes`);
      }
      if (at + 1 + length > bytes.length) throw malformed("it ends in a label");
      labels.push(bytes.subarray(at + 1, at + 1 + length));
      at += 1 + length;
    }
  }

  #take(length: number): number {
    if (length > this.left) {
      throw malformed(`it ends after ${this.#bytes.length} bytes`);
    }
    this.at += length;
    return this.at - length;
  }
}

type Section = "answers" | "authorities" | "additionals";
const SECTIONS: readonly Section[] = ["answers", "authorities", "additionals"];

/**
 * The message in these bytes. They are copied.
 *
 * @param head Leaves out the records: of a message that is truncated they may be cut off.
 * @throws {MalformedFrameError} They are not one.
 */
export function decodeMessage(
  bytes: Uint8Array,
  { head = false }: { head?: boolean } = {},
): Message {
  const reader = new Reader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const message: Message = {
    id,
    isResponse: (flags & QR) !== 0,
    opcode: flags >> 11 & 0xf,
    isAuthoritative: (flags & AA) !== 0,
    isTruncated: (flags & TC) !== 0,
    recursionDesired: (flags & RD) !== 0,
    recursionAvailable: (flags & RA) !== 0,
    rcode: flags & 0xf,
    questions: [],
    answers: [],
    authorities: [],
    additionals: [],
  };
  for (let i = 0; i < counts[0]; i++) {
    const name = reader.name();
    const type = reader.u16();
    message.questions.push({
      name,
      type: NAMES.get(type) ?? type,
      class: reader.u16(),
    });
  }
  if (head) return message;
  for (const [i, section] of SECTIONS.entries()) {
    for (let count = counts[i + 1]; count > 0; count--) {
      decodeRecord(reader, message, section);
    }
  }
  if (reader.left > 0) throw malformed(`${reader.left} bytes are left over`);
  return message;
}

function decodeRecord(
  reader: Reader,
  message: Message,
  section: Section,
): void {
  const name = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  if (length > reader.left) throw malformed("a record is longer than it");
  const end = reader.at + length;
  if (type === OPT) {
    if (section !== "additionals" || message.edns !== undefined) {
      throw malformed("it has an OPT record too many");
    }
    if (name !== ".") throw malformed("its OPT record has a name");
    message.edns = { payloadBytes: recordClass, version: ttl >> 16 & 0xff };
    if ((ttl & DO) !== 0) message.edns.dnssecOk = true;
    message.rcode |= ttl >>> 24 << 4;
    reader.at = end;
    return;
  }
  const data = decodeData(reader, NAMES.get(type) ?? type, length);
  if (reader.at !== end) {
    throw malformed(`a record of type ${typeText(data.type)} has a wrong size`);
  }
  message[section].push({
    name,
    class: recordClass,
    // RFC 2181, section 8: a TTL with its highest bit set is none.
    ttl: ttl > 0x7fff_ffff ? 0 : ttl,
    ...data,
  });
}

function decodeData(
  reader: Reader,
  type: RecordType,
  length: number,
): RecordData {
  switch (type) {
    case "A":
      return { type, address: reader.bytes(4).join(".") };
    case "AAAA":
      return { type, address: formatIpv6(reader.bytes(16)) };
    case "CNAME":
    case "NS":
    case "PTR":
      return { type, target: reader.name() };
    case "MX":
      return { type, preference: reader.u16(), exchange: reader.name() };
    case "TXT": {
      const end = reader.at + length;
      const texts: Uint8Array[] = [];
      while (reader.at < end) texts.push(reader.bytes(reader.u8()));
      if (texts.length === 0) throw malformed("a record of type TXT is empty");
      return { type, texts };
    }
    case "SRV":
      return {
        type,
        priority: reader.u16(),
        weight: reader.u16(),
        port: reader.u16(),
        target: reader.name(),
      };
    case "SOA":
      return {
        type,
        primary: reader.name(),
        mailbox: reader.name(),
        serial: reader.u32(),
        refresh: reader.u32(),
        retry: reader.u32(),
        expire: reader.u32(),
        minimum: reader.u32(),
      };
    default:
      return { type, bytes: reader.bytes(length) };
  }
}

/** Writes a message from its first byte on. */
class Writer {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  /** Where each name, and each end of one, was written. */
  readonly #places = new Map<string, number>();
  at = 0;

  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.at);
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }

  bytes(bytes: ArrayLike<number>): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Writes 16 bits where they were left free. */
  patch(at: number, value: number): void {
    this.#view.setUint16(at, value);
  }

  /** A name; where its end is in the message already, a pointer to it. */
  name(text: string, mayPoint = true): void {
    const labels = parseLabels(text);
    let rest: string | undefined = text.toLowerCase();
    for (const label of labels) {
      const place = this.#places.get(rest!);
      if (place !== undefined && mayPoint) return this.u16(0xc000 | place);
      if (place === undefined && this.at < 0x4000) {
        this.#places.set(rest!, this.at);
      }
      this.u8(label.length);
      this.bytes(label);
      rest = parentOf(rest!);
    }
    this.u8(0);
  }

  #room(length: number): number {
    const at = this.at;
    if (at + length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (at + length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.at += length;
    return at;
  }
}

/**
 * The bytes of a message. One that is larger than `maxBytes` goes without its additional
 * records; if that is not enough it is truncated, which it says: there is the question left,
 * to be asked again over TCP.
 *
 * @throws {RangeError} A name or an address in it is none.
 */
export function encodeMessage(
  message: Message,
  { maxBytes = MAX_MESSAGE_BYTES }: { maxBytes?: number } = {},
): Uint8Array<ArrayBuffer> {
  return encodeWithin(message, maxBytes) ??
    encodeWithin({ ...message, additionals: [] }, maxBytes) ??
    encodeWithin({
      ...message,
      isTruncated: true,
      answers: [],
      authorities: [],
      additionals: [],
    }, Infinity)!;
}

function encodeWithin(
  message: Message,
  maxBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  const { questions, edns } = message;
  const writer = new Writer();
  writer.u16(message.id);
  writer.u16(
    (message.isResponse ? QR : 0) | message.opcode << 11 |
      (message.isAuthoritative ? AA : 0) | (message.isTruncated ? TC : 0) |
      (message.recursionDesired ? RD : 0) |
      (message.recursionAvailable ? RA : 0) | message.rcode & 0xf,
  );
  writer.u16(questions.length);
  writer.u16(message.answers.length);
  writer.u16(message.authorities.length);
  writer.u16(message.additionals.length + (edns === undefined ? 0 : 1));
  for (const question of questions) {
    writer.name(question.name);
    writer.u16(typeNumber(question.type));
    writer.u16(question.class);
  }
  const most = maxBytes - (edns === undefined ? 0 : OPT_BYTES);
  for (const section of SECTIONS) {
    for (const record of message[section]) {
      encodeRecord(writer, record);
      // At once, so that no more is written than what may be sent and one record.
      if (writer.at > most) return undefined;
    }
  }
  if (edns !== undefined) {
    writer.name(".");
    writer.u16(OPT);
    writer.u16(edns.payloadBytes);
    const flags = edns.dnssecOk ? DO : 0;
    writer.u32(message.rcode >> 4 << 24 | edns.version << 16 | flags);
    writer.u16(0);
  }
  return writer.written;
}

function encodeRecord(writer: Writer, record: ResourceRecord): void {
  writer.name(record.name);
  writer.u16(typeNumber(record.type));
  writer.u16(record.class);
  writer.u32(record.ttl);
  const sizeAt = writer.at;
  writer.u16(0);
  encodeData(writer, record);
  const size = writer.at - sizeAt - 2;
  if (size > 65_535) {
    throw new RangeError(
      `Cannot encode a record: it must be of at most 65535 bytes, got ${size}`,
    );
  }
  writer.patch(sizeAt, size);
}

function encodeData(writer: Writer, data: RecordData): void {
  if ("bytes" in data) return writer.bytes(data.bytes);
  switch (data.type) {
    case "A":
    case "AAAA":
      return writer.bytes(parseAddressBytes(data.type, data.address));
    case "CNAME":
    case "NS":
    case "PTR":
      return writer.name(data.target);
    case "MX":
      writer.u16(data.preference);
      return writer.name(data.exchange);
    case "TXT":
      for (const text of data.texts) {
        writer.u8(text.length);
        writer.bytes(text);
      }
      return;
    case "SRV":
      writer.u16(data.priority);
      writer.u16(data.weight);
      writer.u16(data.port);
      // RFC 2782: not compressed.
      return writer.name(data.target, false);
    case "SOA":
      writer.name(data.primary);
      writer.name(data.mailbox);
      writer.u32(data.serial);
      writer.u32(data.refresh);
      writer.u32(data.retry);
      writer.u32(data.expire);
      return writer.u32(data.minimum);
  }
}

/**
 * The bytes of an IP address.
 *
 * @throws {RangeError} It is none of that type.
 */
export function parseAddressBytes(
  type: "A" | "AAAA",
  address: string,
): Uint8Array {
  if (type === "A" && isIPv4(address)) {
    return Uint8Array.from(address.split("."), Number);
  }
  if (type === "AAAA" && isIPv6(address) && !address.includes("%")) {
    // A URL writes it without dots.
    const [head, tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1)
      .split("::");
    const groups = head === "" ? [] : head.split(":");
    const end = tail === undefined || tail === "" ? [] : tail.split(":");
    const zeros = Array(8 - groups.length - end.length).fill("0");
    return Uint8Array.from(
      [...groups, ...zeros, ...end].map((group) => parseInt(group, 16))
        .flatMap((group) => [group >> 8, group & 0xff]),
    );
  }
  const version = type === "A" ? 4 : 6;
  throw new RangeError(
    `Cannot use an address: it must be one of IPv${version}, got ${
      JSON.stringify(address)
    }`,
  );
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[2 * i] << 8 | bytes[2 * i + 1]).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** A query for one question, with a random id that a forger has to guess. */
export function makeQuery(
  question: Question,
  { recursionDesired = true, edns = true }: {
    recursionDesired?: boolean;
    edns?: boolean;
  } = {},
): Message {
  return {
    id: crypto.getRandomValues(new Uint16Array(1))[0],
    isResponse: false,
    opcode: 0,
    isAuthoritative: false,
    isTruncated: false,
    recursionDesired,
    recursionAvailable: false,
    rcode: RCODES.NOERROR,
    questions: [question],
    answers: [],
    authorities: [],
    additionals: [],
    edns: edns ? { payloadBytes: MAX_UDP_BYTES, version: 0 } : undefined,
  };
}

/** An answer to a query, with what is said of it. EDNS is answered with EDNS. */
export function replyTo(query: Message, said: Partial<Message>): Message {
  return {
    ...query,
    isResponse: true,
    isAuthoritative: false,
    isTruncated: false,
    recursionAvailable: false,
    rcode: RCODES.NOERROR,
    answers: [],
    authorities: [],
    additionals: [],
    // RFC 3225: its DO bit comes back as it was.
    edns: query.edns &&
      { ...query.edns, payloadBytes: MAX_UDP_BYTES, version: 0 },
    ...said,
  };
}

/** Whether an answer is one to the query, by its id and its question. */
export function isAnswerTo(query: Message, answer: Message): boolean {
  if (!answer.isResponse || answer.id !== query.id) return false;
  if (answer.opcode !== query.opcode) return false;
  const [asked] = query.questions;
  const [question, ...more] = answer.questions;
  if (question === undefined) {
    // A server that has not understood it need not repeat it.
    return answer.rcode === RCODES.FORMERR || answer.rcode === RCODES.NOTIMP;
  }
  return more.length === 0 && question.type === asked.type &&
    question.class === asked.class && isSameName(question.name, asked.name);
}
