/**
 * Server-sent events: what happens, told to each page that is open.
 *
 * @module
 */

import { delimited, type Framed, framed, type Socket, text } from "@sluice/net";
import { Hub } from "@sluice/net/hub";

/** Pages that may be open at once, and those of one address. */
const MAX_PAGES = 32;
const MAX_PAGES_PER_ADDRESS = 16;
/** A page that is this many events behind is let go; it comes back by itself. */
const MAX_BEHIND = 256;
/** A comment this often shows which pages have silently gone. */
const HEARTBEAT_MS = 15_000;
const COMMENT = ":";
const TOPIC = "events";

/** An event ends with an empty line. */
const EVENTS = text(delimited({ delimiter: "\n\n" }));

/** A page that listens. */
export interface Listener {
  /** Resolves when it has gone, was let go, or the events are over. */
  readonly gone: Promise<void>;
}

/** Sends the same events to any number of pages; each is made once for all of them. */
export class EventStream implements Disposable {
  readonly #hub = new Hub(EVENTS, {
    maxQueuedFrames: MAX_BEHIND,
    onSlow: "disconnect",
  });
  /** The address of each page. */
  readonly #pages = new Map<Framed<string>, string>();
  readonly #over = new AbortController();
  readonly #heartbeat = setInterval(
    () => this.#publish(COMMENT),
    HEARTBEAT_MS,
  );

  /** How many pages listen. */
  get size(): number {
    return this.#pages.size;
  }

  /** Whether a page of this address may listen. */
  hasRoomFor(address: string): boolean {
    if (this.#pages.size >= MAX_PAGES) return false;
    const neighbors = [...this.#pages.values()].filter((each) =>
      each === address
    );
    return neighbors.length < MAX_PAGES_PER_ADDRESS;
  }

  /**
   * Lets a page listen.
   *
   * @param socket Its connection, which is this one's from now on.
   * @param address Where it is.
   * @param first Its first event.
   * @returns Undefined when too many pages listen already.
   */
  add(socket: Socket, address: string, first: string): Listener | undefined {
    if (!this.hasRoomFor(address)) return undefined;
    const page = framed(socket, EVENTS);
    page.send(first);
    this.#hub.join(TOPIC, page);
    this.#pages.set(page, address);
    return { gone: this.#untilGone(page) };
  }

  async #untilGone(page: Framed<string>): Promise<void> {
    try {
      // A page has nothing more to say, so whatever comes is its end.
      await page.receive({ signal: this.#over.signal });
    } catch {
      // It broke, did not keep up, or the events are over.
    }
    this.#pages.delete(page);
  }

  /** Sends an event to every page. */
  send(name: string, data: unknown): void {
    if (this.#pages.size > 0) this.#publish(formatEvent(name, data));
  }

  #publish(event: string): void {
    this.#hub.publish(TOPIC, event);
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    this.#hub.close();
    this.#over.abort();
  }
}

/** JSON has no line breaks of its own, so one `data` line is enough. */
export function formatEvent(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}`;
}
