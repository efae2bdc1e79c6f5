/**
 * Servers: listening, accepting within limits, and a graceful shutdown.
 *
 * This folder guarantees that no client, no kernel limit and no handler ends a server: it
 * ends when the program shuts it down, with a report. It knows no protocol. It may import
 * `socket/`, `transport/`, `time/` and `bytes/`; nothing in `lib/` but `workers/` and
 * `testing/` imports it.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import {
  checkFunction,
  checkNames,
  checkNumber,
  checkSignal,
  readOptions,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import {
  checkSocketOptions,
  SOCKET_OPTION_NAMES,
} from "../socket/check_options.ts";
import type { SocketOptions } from "../socket/options.ts";
import { Socket } from "../socket/socket.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { bind } from "../transport/bind.ts";
import { BIND_OPTION_NAMES, namesOf } from "../transport/option_names.ts";
import type {
  Acceptor,
  AcceptorOptions,
  BindOptions,
  DescriptorBindOptions,
  TcpBindOptions,
  UnixBindOptions,
} from "../transport/options.ts";
import { AcceptLoop } from "./_accept_loop.ts";
import type { ListenerEvent } from "./events.ts";
import { type HandshakeOptions, HandshakeQueue } from "./_handshake.ts";
import { socketOptionsOf } from "./_socket_defaults.ts";

/**
 * How a listener makes its sockets, and what ends it.
 *
 * @category Servers
 */
export type ListenerOptions = SocketOptions & HandshakeOptions & {
  /**
   * Closes the listener when it aborts. None by default.
   */
  signal?: AbortSignal | undefined;
  /**
   * Is called with what happens; see {@linkcode ListenerEvent}. What it throws is
   * printed. None by default.
   */
  onEvent?: ((event: ListenerEvent) => unknown) | undefined;
};

/**
 * Where to listen, and how the sockets are made.
 *
 * @category Servers
 */
export type ListenOptions = BindOptions & ListenerOptions;

/**
 * Listens for connections.
 *
 * The listener never ends because of a client, nor because descriptors or memory
 * run out: it goes on with the next client, or after a pause. `onEvent` reports it.
 * For limits, graceful shutdown and more events use `serve`.
 *
 * With `tls`, handshakes run concurrently and in the background, each within
 * `handshakeTimeoutMs`: a socket that is accepted has finished its handshake, and a
 * silent client delays no other. At most 256 of them are under way or wait to be
 * accepted; further clients wait in the system's backlog.
 *
 * `hostname` is `127.0.0.1` by default; with `"0.0.0.0"` or `"::"` other machines can
 * connect.
 *
 * @param options Where to listen, and the options of every socket.
 * @throws {TypeError} An option is of the wrong type, or unknown.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The address is in use or not this machine's, or there is no such
 * descriptor.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 * @category Servers
 *
 * @example
 * ```ts
 * import { connect, listen } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = listen({ port: 0 });
 * const client = await connect({ port: listener.addr.port });
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
export function listen<A extends Addr>(
  options: AcceptorOptions<A> & ListenerOptions,
): Listener<A>;
/**
 * Listens on a port.
 *
 * @category Servers
 */
export function listen(
  options: TcpBindOptions & ListenerOptions,
): Listener<Deno.NetAddr>;
/**
 * Listens on a Unix socket.
 *
 * @category Servers
 */
export function listen(
  options: UnixBindOptions & ListenerOptions,
): Listener<Deno.UnixAddr>;
/**
 * Listens on one of these, or on a socket that another process has opened.
 *
 * @category Servers
 */
export function listen(
  options:
    & (TcpBindOptions | UnixBindOptions | DescriptorBindOptions)
    & ListenerOptions,
): Listener<Deno.NetAddr | Deno.UnixAddr>;
/**
 * Listens on what is known at run time only.
 *
 * @category Servers
 */
export function listen(options: ListenOptions): Listener;
export function listen(options: ListenOptions): Listener {
  options = checkListenOptions(options);
  options.signal?.throwIfAborted();
  return new Listener(bind(options), options);
}

/** One name for each option: the compiler finds one that is missing. */
const listenerNames: Record<
  Exclude<keyof ListenerOptions, keyof SocketOptions>,
  true
> = { handshakeTimeoutMs: true, signal: true, onEvent: true };

/** Names of {@linkcode ListenOptions}. */
export const LISTEN_OPTION_NAMES: ReadonlySet<string> = namesOf(
  BIND_OPTION_NAMES,
  SOCKET_OPTION_NAMES,
  Object.keys(listenerNames),
);

/** Throws if one of them is wrong. Gives them as they were checked. */
function checkListenOptions(given: ListenOptions): ListenOptions {
  const action = "listen";
  checkNames(action, "options", given, LISTEN_OPTION_NAMES);
  const options = readOptions(given, LISTEN_OPTION_NAMES);
  checkSocketOptions(action, options);
  const { handshakeTimeoutMs, signal, onEvent } = options;
  if (handshakeTimeoutMs !== undefined) {
    checkNumber(action, "handshakeTimeoutMs", handshakeTimeoutMs, 1);
  }
  if (signal !== undefined) checkSignal(action, "signal", signal);
  if (onEvent !== undefined) checkFunction(action, "onEvent", onEvent);
  return options;
}

/**
 * Hands out a `Socket` for every client, as an async iterator. Made by
 * {@linkcode listen}.
 *
 * One task accepts at a time. `break` leaves the listener open: another loop goes
 * on with the next client.
 *
 * @category Servers
 */
export class Listener<A extends Addr = Addr>
  implements AsyncIterable<Socket>, Disposable, AsyncDisposable {
  readonly #loop: AcceptLoop<A>;
  readonly #queue: HandshakeQueue;
  readonly #options: ListenerOptions;
  readonly #socketOptions: SocketOptions;

  /** Use {@linkcode listen}. */
  constructor(acceptor: Acceptor<A>, options: ListenerOptions) {
    this.#options = options;
    this.#socketOptions = socketOptionsOf("listen", options);
    const loop = this.#loop = new AcceptLoop(acceptor, {
      onAcceptError: (error, retryMs) =>
        this.#emit(() => ({ type: "accept-error", error, retryMs })),
      onCloseError: (error) =>
        this.#emit(() => ({ type: "close-error", error })),
    });
    this.#queue = new HandshakeQueue(loop, options.handshakeTimeoutMs, {
      onHandshake: (transport, alpnProtocol) =>
        this.#emit(() => {
          const { remoteAddr } = transport;
          return { type: "tls", remoteAddr, alpnProtocol };
        }),
      onHandshakeError: (error, transport) =>
        this.#emit(() => {
          const { remoteAddr } = transport;
          return { type: "tls-failed", error, remoteAddr };
        }),
    });
    // `accept` rejects with it as well; `ready` need not be waited for.
    loop.ready.catch(() => {});
    const { signal } = options;
    if (signal === undefined) return;
    const close = () => void this.close();
    signal.addEventListener("abort", close);
    // However it ends, also by itself.
    loop.signal.addEventListener(
      "abort",
      () => signal.removeEventListener("abort", close),
      { once: true },
    );
  }

  /** Where clients connect to; the port is the real one, also after port 0. */
  get addr(): A {
    return this.#loop.addr;
  }

  /**
   * Resolves when clients can connect, which is at once but for a Unix socket whose
   * file is there already: then it takes asking whether the file is stale.
   *
   * @throws {BrokenError} The address is in use.
   */
  get ready(): Promise<void> {
    return this.#loop.ready;
  }

  /**
   * The next client; `null` when the listener was closed.
   *
   * Cancellation: safe. The client that comes after a call was cut off goes to the
   * next call.
   *
   * @param options Limits of this call.
   * @throws {BrokenError} The address is in use; see {@linkcode Listener.ready}.
   * @throws {BusyError} Another task accepts.
   * @throws {TimeoutError} A time limit passed.
   */
  async accept(options?: CallOptions): Promise<Socket | null> {
    const transport = await this.#queue.next(options);
    return transport === undefined
      ? null
      : new Socket(transport, this.#socketOptions);
  }

  /**
   * Clients as they come, until the listener is closed. `return` of the iterator ends a
   * `next` that waits: the client that comes then goes to the next call.
   */
  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    const queue = this.#queue;
    let call: object | undefined;
    return {
      next: async () => {
        const isFree = queue.waiting === undefined;
        const accepting = this.accept();
        if (isFree) call = queue.waiting;
        const value = await accepting;
        return value === null
          ? { done: true, value: undefined }
          : { done: false, value };
      },
      return: () => {
        queue.cancel(call);
        return Promise.resolve({ done: true, value: undefined });
      },
      // Of a generator that delegates to it.
      throw: (error) => {
        queue.cancel(call);
        return Promise.reject(error);
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
    this.#queue.handOut();
  }

  /** Lets a call of `accept` that waits keep the process alive, as it does from the start. */
  ref(): void {
    this.#loop.ref();
  }

  /**
   * Lets the process end while `accept` waits. Sockets that were handed out are not
   * touched. On a TLS listener it has no effect (Deno 2.9).
   */
  unref(): void {
    this.#loop.unref();
  }

  /**
   * Stops listening, and closes connections that were not handed out; sockets that
   * were handed out stay open. Resolves when the address can be bound again. Idempotent. Never
   * rejects: a listener that cannot be closed properly is a `close-error` event. To hand a
   * `listenFd` over to another process without losing a connection, use `serve`.
   */
  close(): Promise<void> {
    return this.#loop.close();
  }

  /** Stops listening, as {@linkcode Listener.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Stops listening, as {@linkcode Listener.close}, and waits until the address is free. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param event Makes the event; a transport of the user's may fail at its address. */
  #emit(event: () => ListenerEvent): void {
    const { onEvent } = this.#options;
    if (onEvent !== undefined) guard(() => onEvent(event()));
  }
}
