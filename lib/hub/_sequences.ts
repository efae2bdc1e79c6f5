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

/** Adds to a map that holds at most `most`: the oldest entry makes room. */
function remember<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  most: number,
): void {
  if (map.size >= most) {
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }
  map.set(key, value);
}

/** Numbers the messages of one hub, topic by topic. */
export class OutgoingSequences {
  readonly #publisher: number;
  readonly #maxTopics: number;
  readonly #topics = new Map<string, Stream>();
  #streams = 0;

  constructor(publisher: number, maxTopics: number) {
    this.#publisher = publisher;
    this.#maxTopics = maxTopics;
  }

  /** What the next message of `topic` goes in. */
  next(topic: string): Envelope {
    let stream = this.#topics.get(topic);
    if (stream === undefined) {
      stream = { stream: this.#streams++, next: 0 };
      remember(this.#topics, topic, stream, this.#maxTopics);
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
  readonly #publishers = new Map<number, Stream>();

  /**
   * How many messages are missing before this one: 0 where it is the one that is due, or
   * the first that is seen of its stream; -1 where it came before, or too late.
   */
  missing({ publisher, stream, sequence }: Envelope): number {
    const known = this.#publishers.get(publisher);
    if (known === undefined || known.stream < stream) {
      this.#publishers.delete(publisher);
      const begun = { stream, next: sequence + 1 };
      remember(this.#publishers, publisher, begun, MAX_PUBLISHERS);
      return 0;
    }
    if (known.stream > stream || sequence < known.next) return -1;
    const missing = sequence - known.next;
    known.next = sequence + 1;
    return missing;
  }
}
