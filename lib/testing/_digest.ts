/**
 * A short summary of a run, by which two runs are told apart.
 *
 * @module
 */

import type { Random } from "../_random.ts";
import type { NetworkEvent } from "./memory_network_options.ts";

/** Takes in what happens, in order. Memory is a few numbers. */
export class Digest {
  #hash = 0;
  #steps = 0;
  #draws = 0;
  #events = 0;

  /** Steps of the event loop. */
  get steps(): number {
    return this.#steps;
  }

  /** Events of the network. */
  get events(): number {
    return this.#events;
  }

  /** Random numbers that were drawn. */
  get draws(): number {
    return this.#draws;
  }

  /** A step of the event loop. */
  readonly addStep = (what: number): void => {
    this.#steps++;
    this.#add(what);
  };

  /** An event of the network. */
  readonly addEvent = (event: NetworkEvent): void => {
    this.#events++;
    this.#add(event.atMs);
    this.#addText(event.type);
    if ("hosts" in event) return event.hosts.forEach(this.#addText);
    if ("from" in event) {
      for (const text of [event.from, event.to, event.why ?? ""]) {
        this.#addText(text);
      }
      return this.#add(event.bytes);
    }
    this.#addText(event.client);
    this.#addText(event.server);
    this.#addText(event.at ?? "");
    this.#add(event.bytes ?? 0);
  };

  /** Counts what is drawn from `random`, and where among all else. */
  counted(random: Random): Random {
    return () => {
      this.#add(++this.#draws);
      return random();
    };
  }

  /** The summary. */
  toString(): string {
    return [this.#hash, this.#steps, this.#draws, this.#events].join();
  }

  readonly #addText = (text: string): void => {
    for (let i = 0; i < text.length; i++) this.#add(text.charCodeAt(i));
    this.#add(text.length);
  };

  /** Times have fractions. */
  #add(number: number): void {
    const mixed = Math.imul(
      this.#hash ^ Math.trunc(number * 1_024),
      0x01000193,
    );
    this.#hash = mixed ^ (mixed >>> 15);
  }
}
