/**
 * The order in which the topics of one hub hand out what was published to them.
 *
 * The topic that was published to last keeps its frames until the end of the turn; what
 * the one before has kept is handed out first. Hooks that are called meanwhile may
 * publish, too, to one topic after the other: all of that comes behind what is handed out.
 *
 * @module
 */

/** A topic, as far as its order counts. */
export interface Ordered {
  /** Hands out its frames up to one: they are counted over all of its life. */
  flush(upTo: number): void;
}

/** See the module. */
export class FlushOrder {
  #behind: { readonly topic: Ordered; readonly upTo: number }[] = [];
  #isBusy = false;

  /** Whether frames are handed out just now. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Begins to hand out; `false` within a hook: it is begun already. */
  enter(): boolean {
    if (this.#isBusy) return false;
    return this.#isBusy = true;
  }

  /** Puts frames that a hook has published behind those that are handed out. */
  add(topic: Ordered, upTo: number): void {
    this.#behind.push({ topic, upTo });
  }

  /** Ends what `enter` has begun, with what hooks have published to all topics but one. */
  leave(): void {
    try {
      // Those that are added meanwhile are reached, too.
      for (const { topic, upTo } of this.#behind) topic.flush(upTo);
    } finally {
      this.#behind = [];
      this.#isBusy = false;
    }
  }
}
