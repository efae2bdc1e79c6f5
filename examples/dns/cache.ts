/**
 * Answers that are kept until their time to live has passed.
 *
 * @module
 */

import {
  decodeMessage,
  encodeMessage,
  type Message,
  type Question,
  RCODES,
  type ResourceRecord,
  typeNumber,
} from "./message.ts";

/** How much is kept, and for how long. */
export interface CacheOptions {
  /**
   * Most bytes of the answers that are kept, as they are on the wire; the one that was not
   * asked for the longest makes room.
   *
   * @default {8_388_608}
   */
  maxBytes?: number;
  /** Milliseconds since some moment; those of the process by default. */
  now?: () => number;
}

/** No answer is kept for longer, whatever its server says. */
const MAX_TTL_S = 86_400;
/** RFC 2308, section 5: that something does not exist is not believed for long. */
const MAX_NEGATIVE_TTL_S = 10_800;
/** What an entry takes beside its message. */
const ENTRY_BYTES = 200;

interface Entry {
  message: Uint8Array;
  storedAt: number;
  expiresAt: number;
}

/** Answers by question: also that there is none. */
export class Cache {
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** The one that was used last is the last one. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(
    { maxBytes = 8 * 1024 * 1024, now = () => performance.now() }:
      CacheOptions = {},
  ) {
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The answer to a question, with what is left of its time to live. */
  get(question: Question): Message | undefined {
    const key = keyOf(question);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#delete(key, entry);
    const now = this.#now();
    if (now >= entry.expiresAt) return undefined;
    this.#add(key, entry);
    const ageS = Math.floor((now - entry.storedAt) / 1_000);
    const age = (record: ResourceRecord): ResourceRecord => ({
      ...record,
      ttl: Math.max(0, Math.min(record.ttl, MAX_TTL_S) - ageS),
    });
    const message = decodeMessage(entry.message);
    return {
      ...message,
      answers: message.answers.map(age),
      authorities: message.authorities.map(age),
    };
  }

  /** Keeps an answer as long as it says, if it may be kept. */
  set(question: Question, answer: Message): void {
    const key = keyOf(question);
    const old = this.#entries.get(key);
    if (old !== undefined) this.#delete(key, old);
    const ttl = timeToLive(answer);
    if (ttl === 0) return;
    const now = this.#now();
    // Additional records answer another question, which was not asked.
    const kept = { ...answer, additionals: [], edns: undefined };
    const message = encodeMessage(kept);
    // It may be larger than it came, as others shorten names where this side must not.
    if (decodeMessage(message, { head: true }).isTruncated) return;
    const entry = {
      message,
      storedAt: now,
      expiresAt: now + 1_000 * ttl,
    };
    this.#add(key, entry);
    for (const [key, oldest] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#delete(key, oldest);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += sizeOf(key, entry);
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= sizeOf(key, entry);
  }
}

function sizeOf(key: string, { message }: Entry): number {
  return key.length + message.length + ENTRY_BYTES;
}

/** Equal for questions that are the same. */
export function keyOf({ name, type, class: questionClass }: Question): string {
  return `${typeNumber(type)} ${questionClass} ${name.toLowerCase()}`;
}

/** For how many seconds an answer may be kept; 0 for not at all. */
function timeToLive({ rcode, answers, authorities }: Message): number {
  if (rcode !== RCODES.NOERROR && rcode !== RCODES.NXDOMAIN) return 0;
  let ttl = MAX_TTL_S;
  for (const record of answers) ttl = Math.min(ttl, record.ttl);
  // That there is no such name, or nothing of this type: RFC 2308, section 5.
  for (const record of authorities) {
    if (record.type !== "SOA" || !("minimum" in record)) continue;
    return Math.min(ttl, record.ttl, record.minimum, MAX_NEGATIVE_TTL_S);
  }
  return rcode === RCODES.NOERROR && answers.length > 0 ? ttl : 0;
}
