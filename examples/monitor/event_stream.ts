/**
 * Server-sent events: one stream to each page that is open.
 *
 * @module
 */

/** Pages that may be open at once. */
const MAX_CLIENTS = 32;
/** A page that is this many events behind is let go; it comes back by itself. */
const MAX_BEHIND = 256;
/** A comment this often shows who has silently gone. */
const HEARTBEAT_MS = 15_000;

type Client = ReadableStreamDefaultController<Uint8Array>;

/** Sends the same events to any number of pages. */
export class EventStream implements Disposable {
  readonly #clients = new Set<Client>();
  readonly #encoder = new TextEncoder();
  readonly #heartbeat: ReturnType<typeof setInterval>;

  constructor() {
    this.#heartbeat = setInterval(() => this.#sendAll(":\n\n"), HEARTBEAT_MS);
  }

  /** How many pages listen. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Lets a page listen.
   *
   * @param name Its first event.
   * @param data What that event says.
   * @returns Undefined when too many pages listen already.
   */
  subscribe(
    name: string,
    data: unknown,
  ): ReadableStream<Uint8Array> | undefined {
    if (this.#clients.size >= MAX_CLIENTS) return undefined;
    let client: Client;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = controller;
        this.#clients.add(client);
        this.#send(client, formatEvent(name, data));
      },
      cancel: () => {
        this.#clients.delete(client);
      },
    }, new CountQueuingStrategy({ highWaterMark: MAX_BEHIND }));
  }

  /** Sends an event to every page. */
  send(name: string, data: unknown): void {
    if (this.#clients.size > 0) this.#sendAll(formatEvent(name, data));
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    for (const client of this.#clients) client.close();
    this.#clients.clear();
  }

  #sendAll(text: string): void {
    for (const client of this.#clients) this.#send(client, text);
  }

  #send(client: Client, text: string): void {
    if ((client.desiredSize ?? 0) > 0) {
      client.enqueue(this.#encoder.encode(text));
      return;
    }
    this.#clients.delete(client);
    client.error(new Error("this page does not keep up"));
  }
}

/** JSON has no line breaks of its own, so one `data` line is enough. */
function formatEvent(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
