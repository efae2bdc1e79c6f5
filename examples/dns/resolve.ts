/**
 * A resolver: what it knows, it answers; all else it asks a server that knows more.
 *
 * @module
 */

import { SocketError } from "@sluice/net";
import { askServer } from "./ask.ts";
import { Cache, type CacheOptions, keyOf } from "./cache.ts";
import {
  isWithin,
  type Message,
  type Question,
  RCODES,
  type ResourceRecord,
} from "./message.ts";

/** Which server to ask, and how much at a time. */
export interface ResolverOptions extends CacheOptions {
  /** The server that knows more. */
  upstream: { hostname: string; port: number };
  /**
   * Most questions that are asked at a time; more fail at once.
   *
   * @default {200}
   */
  maxInFlight?: number;
  /**
   * Most milliseconds that it is asked one question.
   *
   * @default {4_000}
   */
  timeoutMs?: number;
}

/** What a question ended in. */
export interface Resolution {
  rcode: number;
  answers: ResourceRecord[];
  authorities: ResourceRecord[];
  /**
   * Where the answer is from: the memory or the server; `"none"` where there is no answer.
   */
  source: "cache" | "upstream" | "none";
  /** Why there is no answer. */
  why?: string;
}

/** Resolves questions by a cache and another server. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache: Cache;
  readonly #inFlight = new Map<string, Promise<Resolution>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#cache = new Cache(options);
  }

  /**
   * The answer to a question. It never rejects: what went wrong is a `SERVFAIL`, and is not
   * kept. One that is asked already is not asked again, and waits for the same answer.
   */
  async resolve(question: Question): Promise<Resolution> {
    const cached = this.#cache.get(question);
    if (cached !== undefined) {
      const { rcode, answers, authorities } = cached;
      return { rcode, answers, authorities, source: "cache" };
    }
    const key = keyOf(question);
    const asked = this.#inFlight.get(key);
    if (asked !== undefined) return await asked;
    const { maxInFlight = 200 } = this.#options;
    if (this.#inFlight.size >= maxInFlight) {
      return failure(`${maxInFlight} questions are in flight already`);
    }
    const asking = this.#ask(question).finally(() =>
      this.#inFlight.delete(key)
    );
    this.#inFlight.set(key, asking);
    return await asking;
  }

  async #ask(question: Question): Promise<Resolution> {
    const { upstream: server, timeoutMs = 4_000 } = this.#options;
    try {
      const answer = belongingTo(
        question,
        await askServer(question, { server, timeoutMs }),
      );
      this.#cache.set(question, answer);
      const { rcode, answers, authorities } = answer;
      return { rcode, answers, authorities, source: "upstream" };
    } catch (error) {
      if (error instanceof SocketError) return failure(error.message);
      throw error;
    }
  }
}

function failure(why: string): Resolution {
  return {
    rcode: RCODES.SERVFAIL,
    answers: [],
    authorities: [],
    source: "none",
    why,
  };
}

/**
 * The part of an answer that answers the question: the records of its name, and of those
 * that CNAME records lead to; of the authority that which says how long there is none.
 */
function belongingTo(question: Question, answer: Message): Message {
  const targets = new Map<string, string>();
  for (const record of answer.answers) {
    if (record.type !== "CNAME" || !("target" in record)) continue;
    targets.set(record.name.toLowerCase(), record.target.toLowerCase());
  }
  const names = new Set<string>();
  let name: string | undefined = question.name.toLowerCase();
  while (name !== undefined && !names.has(name)) {
    names.add(name);
    name = targets.get(name);
  }
  const last = [...names].at(-1)!;
  const isInClass = (record: ResourceRecord) => record.class === question.class;
  return {
    ...answer,
    answers: answer.answers.filter((record) =>
      isInClass(record) && names.has(record.name.toLowerCase()) &&
      (record.type === question.type || record.type === "CNAME")
    ),
    authorities: answer.authorities.filter((record) =>
      record.type === "SOA" && isInClass(record) &&
      isWithin(last, record.name)
    ),
    additionals: [],
    questions: [question],
  };
}
