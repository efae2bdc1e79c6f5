/**
 * Numbers for what a hub publishes, and what the numbers of others say.
 *
 * @module
 */

import type { Envelope } from "./_envelope.ts";

/** Publishers of one topic that are remembered: the one that was new first is forgotten. */
const MAX_PUBLISHERS = 1_024;

interface Stream {
  readonly stream: number;
  /** The number that is due. */
  next: number;
}

/** A map of at most `most` entries: the oldest one makes room. */
class Remembered<Key, Value> {
  readonly #most: number;
  readonly #entries = new Map<Key, Value>();
  /** It goes on behind what was forgotten: another one would pass all of that again. */
  readonly #oldest = this.#entries.keys();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Adds what is not there yet, or has been there as something else, as the newest. */
  add(key: Key, value: Value): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#most) {
      this.#entries.delete(this.#oldest.next().value!);
    }
    this.#entries.set(key, value);
  }
}

/** Numbers the messages of one hub, topic by topic. */
export class OutgoingSequences {
  readonly #publisher: number;
  readonly #topics: Remembered<string, Stream>;
  #streams = 0;

  constructor(publisher: number, maxTopics: number) {
    this.#publisher = publisher;
    this.#topics = new Remembered(maxTopics);
  }

  /** What the next message of `topic` goes in. */
  next(topic: string): Envelope {
    let stream = this.#topics.get(topic);
    if (stream === undefined) {
      stream = { stream: this.#streams++, next: 0 };
      this.#topics.add(topic, stream);
    }
    return {
      publisher: this.#publisher,
      stream: stream.stream,
      sequence: stream.next++,
    };
  }
}

/** Follows the numbers of others in one topic. */
export class IncomingSequences {
  readonly #publishers = new Remembered<number, Stream>(MAX_PUBLISHERS);

  /**
   * How many messages are missing before this one: 0 where it is the one that is due, or
   * the first that is seen of its stream; -1 where it came before, or too late.
   */
  missing({ publisher, stream, sequence }: Envelope): number {
    const known = this.#publishers.get(publisher);
    if (known === undefined || known.stream < stream) {
      this.#publishers.add(publisher, { stream, next: sequence + 1 });
      return 0;
    }
    if (known.stream > stream || sequence < known.next) return -1;
    const missing = sequence - known.next;
    known.next = sequence + 1;
    return missing;
  }
}
