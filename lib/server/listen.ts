/**
 * Servers: listening, accepting within limits, and an orderly end.
 *
 * This folder guarantees that no client, no kernel limit and no handler ends a
 * server: it ends when its owner says so, with a report. It refuses to know what
 * the bytes mean. It may import `socket/`, `transport/` and `time/`; nothing in
 * `lib/` but `testing/` imports it.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { checkSocketOptions, type SocketOptions } from "../socket/options.ts";
import { Socket } from "../socket/socket.ts";
import { bind } from "../transport/bind.ts";
import type { BindOptions } from "../transport/options.ts";
import { AcceptLoop } from "./_accept_loop.ts";

/** Where to listen, and how the sockets are made. */
export type ListenOptions = BindOptions & SocketOptions & {
  /** Closes the listener when it aborts. None by default. */
  signal?: AbortSignal;
};

/**
 * Listens for connections.
 *
 * The result never ends because of a client, nor because descriptors or memory
 * run out: it goes on with the next client, or after a pause. For limits, drain
 * and events use `serve`.
 *
 * `hostname` is `127.0.0.1` by default, not every interface: reaching the world is
 * something one writes down.
 *
 * @param options Where to listen, and the options of every socket.
 * @throws {TypeError} An option is of the wrong type.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The address is in use or not this machine's.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * using listener = listen({ port: 0 });
 * const { port } = listener.addr as Deno.NetAddr;
 * const client = await connect({ port });
 * for await (const socket of listener) {
 *   await socket.write("welcome\n");
 *   await Promise.all([socket.close(), client.readLine().then((line) => {
 *     assertEquals(line, "welcome");
 *     return client.close();
 *   })]);
 *   break;
 * }
 * ```
 */
export function listen(options: ListenOptions): Listener {
  checkSocketOptions("listen", options);
  options.signal?.throwIfAborted();
  return new Listener(new AcceptLoop(bind(options), () => {}), options);
}

/**
 * Hands out a `Socket` for every client, as an async iterator. Made by
 * {@linkcode listen}.
 *
 * One task accepts at a time. `break` leaves the listener open: another loop goes
 * on with the next client.
 */
export class Listener implements AsyncIterable<Socket>, Disposable {
  readonly #loop: AcceptLoop;
  readonly #options: ListenOptions;
  readonly #onAbort = () => {
    this.close();
  };

  /** Use {@linkcode listen}. */
  constructor(loop: AcceptLoop, options: ListenOptions) {
    this.#loop = loop;
    this.#options = options;
    // Whoever accepts hears of it; nobody has to wait for `ready`.
    loop.ready.catch(() => {});
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Where clients connect to; the port is the real one, also after port 0. */
  get addr(): Addr {
    return this.#loop.addr;
  }

  /**
   * Resolves when clients can connect, which is at once but for a Unix socket whose
   * file is there already: then somebody has to ask whether it is stale.
   *
   * @throws {BrokenError} The address is in use.
   */
  get ready(): Promise<void> {
    return this.#loop.ready;
  }

  /**
   * The next client; `null` when the listener was closed.
   *
   * @throws {BrokenError} The address is in use; see {@linkcode Listener.ready}.
   * @throws {BusyError} Another task accepts.
   */
  async accept(): Promise<Socket | null> {
    const transport = await this.#loop.next();
    return transport === undefined
      ? null
      : new Socket(transport, this.#options);
  }

  /** Clients as they come, until the listener is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    return {
      next: async () => {
        const value = await this.accept();
        return value === null
          ? { done: true, value: undefined }
          : { done: false, value };
      },
    };
  }

  /** Stops handing out clients; new ones wait in the system's backlog. */
  suspend(): void {
    this.#loop.suspend();
  }

  /** Hands out clients again. */
  resume(): void {
    this.#loop.resume();
  }

  /**
   * Stops listening; sockets that were handed out live on. Resolves when the
   * address can be bound again. Idempotent.
   */
  close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    return this.#loop.close();
  }

  /** Stops listening, as {@linkcode Listener.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
