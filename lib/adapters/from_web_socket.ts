/**
 * A transport of a WebSocket: its binary messages are a stream of bytes.
 *
 * @module
 */

import { checkInteger, checkMethods, checkNames, show } from "../_check.ts";
import { formatAddress } from "../addr.ts";
import { LimitError, MalformedFrameError } from "../errors.ts";
import { quietly } from "../transport/close_quietly.ts";
import {
  ACTION,
  type AdaptedTransport,
  ADDRESS_OPTION_NAMES,
  type AddressOptions,
  checkAddresses,
} from "./adapted_transport.ts";
import { CarriedTransport, type Carrier } from "./_carried_transport.ts";

const { BrokenPipe, ConnectionReset } = Deno.errors;

/**
 * What a WebSocket may hold, and what its ends are called.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import type { FromWebSocketOptions } from "@sluice/net/adapters";
 *
 * const optionsOf = ({ remoteAddr }: Deno.ServeHandlerInfo): FromWebSocketOptions => ({
 *   maxBufferedBytes: 1024 * 1024,
 *   remoteAddr,
 * });
 * ```
 */
export interface FromWebSocketOptions extends AddressOptions {
  /**
   * Most bytes that wait in each direction, at least 1. A write waits while so many, or
   * 1 MiB where that is less, are in `bufferedAmount`. A WebSocket cannot ask its peer to
   * wait: if more came than this and was not read, the connection ends with `LimitError`
   * behind the bytes that are there.
   *
   * @default {16_777_216}
   */
  maxBufferedBytes?: number | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["maxBufferedBytes", ...ADDRESS_OPTION_NAMES] satisfies (
    keyof FromWebSocketOptions
  )[],
);

/**
 * Makes a transport of a WebSocket, which belongs to it from now on and may still be
 * connecting. Wrap it at once: what arrives before is lost.
 *
 * The boundaries of messages mean nothing: a framing finds its frames however they are
 * cut. What a write sends is one message of up to 64 KiB, and what comes is read as a stream.
 *
 * A WebSocket cannot do all that a socket does:
 *
 * - It has no half-close: `closeWrite` starts its closing handshake, and what the peer sends
 *   afterwards is lost.
 * - It cannot make its peer wait. See `maxBufferedBytes` for what ends a peer that sends
 *   faster than this side reads; how large one message may be is up to the runtime (64 MiB
 *   in Deno). On a client, a `WebSocketStream` with {@linkcode fromStreams} can.
 * - It has no event for "sent": a write that waits looks every 1 to 16 ms.
 * - It cannot reset: `close` without `closeWrite` sends code 4000, and the runtime waits for
 *   the peer to answer.
 *
 * Codes 1000, 1001 and 1005 are the end of the stream; any other end is a reset, of which
 * `cause` has the code. A text message breaks the connection with `MalformedFrameError`.
 *
 * @param webSocket A WebSocket, of `Deno.upgradeWebSocket` or of `new WebSocket(...)`.
 * @param options Sizes and addresses.
 * @returns A transport, for `new Socket(...)` for instance.
 * @throws {TypeError} It is not a WebSocket, or an option is of the wrong type or not known.
 * @throws {RangeError} `maxBufferedBytes` is out of range.
 * @category Adapters
 *
 * @example An echo over WebSockets
 * ```ts
 * import { framed, lengthPrefixed, Socket } from "@sluice/net";
 * import { fromWebSocket } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen() {} },
 *   (request, { remoteAddr }) => {
 *     const { socket, response } = Deno.upgradeWebSocket(request);
 *     const client = new Socket(fromWebSocket(socket, { remoteAddr }));
 *     client.readable.pipeTo(client.writable).catch(() => client.abort());
 *     return response;
 *   },
 * );
 *
 * const webSocket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
 * await using client = new Socket(fromWebSocket(webSocket));
 * const connection = framed(client, lengthPrefixed());
 * await connection.send(new Uint8Array([1, 2, 3]));
 * assertEquals(await connection.receive(), new Uint8Array([1, 2, 3]));
 * ```
 */
export function fromWebSocket(
  webSocket: WebSocket,
  options: FromWebSocketOptions = {},
): AdaptedTransport {
  checkMethods(ACTION, "webSocket", webSocket, [
    "send",
    "close",
    "addEventListener",
  ]);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { maxBufferedBytes = 16 * 1024 * 1024 } = options;
  checkInteger(ACTION, "maxBufferedBytes", maxBufferedBytes, 1);
  checkAddresses(options);
  return new CarriedTransport(
    "websocket",
    options,
    (transport) => new WebSocketCarrier(transport, webSocket, maxBufferedBytes),
  );
}

/** More waiting bytes do not raise the throughput, and every client may have that many. */
const MAX_OUTGOING_BYTES = 1024 * 1024;
/** How long to wait before `bufferedAmount` is looked at again. */
const MIN_POLL_MS = 1;
const MAX_POLL_MS = 16;

/** Close codes of a normal end: RFC 6455, 7.4.1. */
const GOOD_CODES: ReadonlySet<number> = new Set([1000, 1001, 1005]);
/** For an end without `closeWrite`: a code that programs may choose the meaning of. */
const ABORTED = 4000;

/** Carries the bytes of a transport over a WebSocket. */
class WebSocketCarrier implements Carrier {
  readonly halfClose = false;
  readonly #transport: CarriedTransport;
  readonly #webSocket: WebSocket;
  readonly #maxBufferedBytes: number;
  readonly #listeners = new AbortController();
  /** It has been open: a connection that never was has no end. */
  #hasOpened: boolean;
  /** What the last `error` event said. */
  #lastError = "";
  /** Wakes the write that waits. */
  #wake: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    transport: CarriedTransport,
    webSocket: WebSocket,
    maxBufferedBytes: number,
  ) {
    this.#transport = transport;
    this.#webSocket = webSocket;
    this.#maxBufferedBytes = maxBufferedBytes;
    webSocket.binaryType = "arraybuffer";
    this.#hasOpened = webSocket.readyState !== WebSocket.CONNECTING;
    const { signal } = this.#listeners;
    const on = <Type extends keyof WebSocketEventMap>(
      type: Type,
      listener: (event: WebSocketEventMap[Type]) => void,
    ) => webSocket.addEventListener(type, listener, { signal });
    on("open", () => {
      this.#hasOpened = true;
      this.#wake?.();
    });
    on("message", ({ data }) => this.#onMessage(data));
    on("error", (event) => {
      this.#lastError = "message" in event ? String(event.message) : "";
    });
    on("close", (event) => this.#onClose(event));
    if (webSocket.readyState === WebSocket.CLOSED) {
      this.#end(new ConnectionReset("the WebSocket was closed already"));
    }
  }

  #onMessage(data: unknown): void {
    const transport = this.#transport;
    if (transport.hasEnded) return;
    if (!(data instanceof ArrayBuffer)) return this.#refuse(data);
    transport.push(new Uint8Array(data));
    if (transport.unreadBytes <= this.#maxBufferedBytes) return;
    const limit = this.#maxBufferedBytes;
    this.#fail(
      new LimitError(
        "maxBufferedBytes",
        limit,
        `${this.#start()}: more than ${limit} bytes came and were not read (a WebSocket cannot ask its peer to wait)`,
        this.#context(),
      ),
    );
  }

  #refuse(data: unknown): void {
    const what = typeof data === "string" ? "a text message" : show(data);
    this.#fail(
      new MalformedFrameError(
        `${this.#start()}: each message must be binary, got ${what}`,
        this.#context(),
      ),
    );
  }

  #start(): string {
    return `Cannot read from ${formatAddress(this.#transport.remoteAddr)}`;
  }

  #context() {
    const { localAddr, remoteAddr } = this.#transport;
    return { operation: "read", localAddr, remoteAddr };
  }

  /**
   * Ends the WebSocket too, because what the peer goes on sending would fill the memory.
   */
  #fail(error: unknown): void {
    this.#transport.failRead(error);
    this.#close(ABORTED);
  }

  #onClose({ code, reason, wasClean }: CloseEvent): void {
    if (wasClean && GOOD_CODES.has(code)) return this.#end();
    const why = [`code ${code}`, show(reason), this.#lastError]
      .filter((text) => text !== "" && text !== '""').join(", ");
    this.#end(new ConnectionReset(`the WebSocket ended (${why})`));
  }

  /** The WebSocket has ended. */
  #end(error?: Error): void {
    if (error === undefined) this.#transport.endRead();
    else this.#transport.failRead(error, !this.#hasOpened);
    this.#transport.failWrite(error ?? new BrokenPipe("Broken pipe"));
    this.#forget();
  }

  #forget(): void {
    this.#listeners.abort();
    clearTimeout(this.#timer);
    this.#wake = undefined;
  }

  // ---- Carrier ------------------------------------------------------------

  pull(): void {
    // Messages arrive without being asked for: a WebSocket has no backpressure.
  }

  async send(bytes: Uint8Array): Promise<void> {
    const webSocket = this.#webSocket;
    const most = Math.min(MAX_OUTGOING_BYTES, this.#maxBufferedBytes);
    for (
      let pollMs = MIN_POLL_MS;
      webSocket.bufferedAmount >= most ||
      webSocket.readyState === WebSocket.CONNECTING;
      pollMs = Math.min(MAX_POLL_MS, 2 * pollMs)
    ) {
      if (webSocket.readyState > WebSocket.OPEN) break;
      await this.#pause(pollMs);
    }
    if (webSocket.readyState > WebSocket.OPEN) {
      // It would be silently dropped.
      throw new BrokenPipe("Broken pipe");
    }
    webSocket.send(bytes as Uint8Array<ArrayBuffer>);
  }

  /** Waits until the WebSocket opens, or for some time where it is open. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#webSocket.readyState === WebSocket.OPEN) {
        this.#timer = setTimeout(resolve, ms);
      }
    });
  }

  async end(): Promise<void> {
    if (this.#webSocket.readyState === WebSocket.CONNECTING) {
      await this.#pause(0);
    }
    this.#close(1000);
  }

  close(gracefully: boolean): void {
    this.#forget();
    // Without a listener nothing that still comes is kept.
    this.#close(gracefully ? 1000 : ABORTED);
  }

  #close(code: number): void {
    const webSocket = this.#webSocket;
    const close = () => quietly(() => webSocket.close(code));
    if (webSocket.readyState === WebSocket.CONNECTING) {
      // On a server, Deno (2.9) opens it all the same.
      webSocket.addEventListener("open", close, { once: true });
    }
    close();
  }
}
