/**
 * Server-sent events: one stream to each page that is open.
 *
 * @module
 */

/** Pages that may be open at once, and those of one address. */
const MAX_CLIENTS = 32;
const MAX_CLIENTS_PER_ADDRESS = 16;
/** A page that is this many events behind is let go; it comes back by itself. */
const MAX_BEHIND = 256;
/** A comment this often shows who has silently gone. */
const HEARTBEAT_MS = 15_000;

interface Client {
  readonly address: string;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
}

/** Sends the same events to any number of pages; each is made once for all of them. */
export class EventStream implements Disposable {
  readonly #clients = new Set<Client>();
  readonly #heartbeat: ReturnType<typeof setInterval>;

  constructor() {
    const comment = new TextEncoder().encode(":\n\n");
    this.#heartbeat = setInterval(() => this.#sendAll(comment), HEARTBEAT_MS);
  }

  /** How many pages listen. */
  get size(): number {
    return this.#clients.size;
  }

  /** Whether a page of this address may listen. */
  hasRoomFor(address: string): boolean {
    if (this.#clients.size >= MAX_CLIENTS) return false;
    const neighbors = [...this.#clients].filter((each) =>
      each.address === address
    );
    return neighbors.length < MAX_CLIENTS_PER_ADDRESS;
  }

  /**
   * Lets a page listen.
   *
   * @param address Where it is.
   * @param first Its first event.
   * @returns Undefined when too many pages listen already.
   */
  subscribe(
    address: string,
    first: Uint8Array,
  ): ReadableStream<Uint8Array> | undefined {
    if (!this.hasRoomFor(address)) return undefined;
    let client: Client;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = { address, controller };
        this.#clients.add(client);
        this.#send(client, first);
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
    for (const { controller } of this.#clients) controller.close();
    this.#clients.clear();
  }

  #sendAll(bytes: Uint8Array): void {
    for (const client of this.#clients) this.#send(client, bytes);
  }

  #send(client: Client, bytes: Uint8Array): void {
    const { controller } = client;
    if ((controller.desiredSize ?? 0) > 0) return controller.enqueue(bytes);
    this.#clients.delete(client);
    controller.error(new Error("this page does not keep up"));
  }
}

/** JSON has no line breaks of its own, so one `data` line is enough. */
export function formatEvent(name: string, data: unknown): Uint8Array {
  return new TextEncoder().encode(
    `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`,
  );
}
