/**
 * A transport of a pair of byte streams: a subprocess, a `WebSocketStream`, a QUIC or
 * WebTransport stream.
 *
 * @module
 */

import {
  checkFunction,
  checkMethods,
  checkNames,
  checkObject,
  wrongKind,
} from "../_check.ts";
import { copyOf } from "../bytes/plain_array.ts";
import { quietly } from "../transport/close_quietly.ts";
import {
  ACTION,
  type AdaptedTransport,
  ADDRESS_OPTION_NAMES,
  type AddressOptions,
  checkAddresses,
  checkHalfClose,
} from "./adapted_transport.ts";
import {
  CarriedTransport,
  type Carrier,
  CLOSE_MS,
} from "./_carried_transport.ts";

const { BrokenPipe, ConnectionReset } = Deno.errors;

/**
 * Two byte streams: one to read from, one to write to.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import type { StreamPair } from "@sluice/net/adapters";
 *
 * const pairOf = (child: Deno.ChildProcess): StreamPair => ({
 *   readable: child.stdout,
 *   writable: child.stdin,
 * });
 * ```
 */
export interface StreamPair {
  /** What the peer sends. Where it is a byte stream, it is read without fresh memory. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer gets. Each chunk is a copy that the stream may keep. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * How the streams end, and what they are called.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import type { FromStreamsOptions } from "@sluice/net/adapters";
 *
 * const optionsOf = (child: Deno.ChildProcess): FromStreamsOptions => ({
 *   close: () => child.kill(),
 *   remoteAddr: { transport: "stream", name: `process ${child.pid}` },
 * });
 * ```
 */
export interface FromStreamsOptions extends AddressOptions {
  /**
   * Called once, when the transport was closed, to end what the streams belong to: where
   * the peer has ended its side, after what was written has left, or a second later;
   * otherwise at once. What
   * it throws or rejects with is ignored: a process may have ended already.
   */
  close?: (() => unknown) | undefined;
  /**
   * Whether one stream can end while the other goes on. With `false` (a
   * `WebSocketStream`, say), `closeWrite` ends the connection, and reads that fail
   * afterwards have found its end.
   *
   * @default {true}
   */
  halfClose?: boolean | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["close", "halfClose", ...ADDRESS_OPTION_NAMES] satisfies (
    keyof FromStreamsOptions
  )[],
);

/**
 * Makes a transport of two streams, which belong to it from now on.
 *
 * It reads one chunk at a time, and only when it is asked; a chunk that is larger than the
 * read is kept. A write waits until the writable has taken the one before, so backpressure is
 * the stream's own. `closeWrite` closes the writable. `close` cancels the readable, unless
 * there is no half-close; it closes the writable where the peer has ended, and aborts it
 * otherwise.
 *
 * A chunk that is not a `Uint8Array` breaks the connection, as do 1,000 chunks in a row
 * without a byte. Streams of Node are for {@linkcode fromDuplex}.
 *
 * @param streams What to read from, and what to write to; neither may be locked.
 * @param options How they end, and their addresses.
 * @returns A transport, for `new Socket(...)` for instance.
 * @throws {TypeError} One is not a stream or is locked, or an option is of the wrong type
 * or not known. Nothing was touched.
 * @category Adapters
 *
 * @example Lines to a subprocess and back
 * ```ts
 * import { framed, lines, Socket } from "@sluice/net";
 * import { fromStreams } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command(Deno.execPath(), {
 *   args: ["eval", "Deno.stdin.readable.pipeTo(Deno.stdout.writable)"],
 *   stdin: "piped",
 *   stdout: "piped",
 * }).spawn();
 * await using socket = new Socket(
 *   fromStreams({ readable: child.stdout, writable: child.stdin }, {
 *     close: () => child.kill(),
 *   }),
 * );
 * const connection = framed(socket, lines());
 * await connection.send("hello");
 * assertEquals(await connection.receive(), "hello");
 * await socket.close();
 * await child.status;
 * ```
 */
export function fromStreams(
  streams: StreamPair,
  options: FromStreamsOptions = {},
): AdaptedTransport {
  checkObject(ACTION, "streams", streams);
  const { readable, writable } = streams;
  checkMethods(ACTION, "readable", readable, ["getReader"]);
  checkMethods(ACTION, "writable", writable, ["getWriter"]);
  for (const [name, stream] of Object.entries({ readable, writable })) {
    if (!stream.locked) continue;
    throw wrongKind(ACTION, name, "a stream that is not locked", stream);
  }
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { close, halfClose = true } = options;
  if (close !== undefined) checkFunction(ACTION, "close", close);
  checkHalfClose(halfClose);
  checkAddresses(options);
  return new CarriedTransport(
    "streams",
    options,
    (transport) =>
      new StreamCarrier(
        transport,
        sourceOf(readable),
        writable.getWriter(),
        halfClose,
        close,
      ),
  );
}

/** Where chunks come from. */
interface Source {
  /** The next chunk; it may be overwritten when the next one is asked for. */
  next(length: number): Promise<ReadableStreamReadResult<Uint8Array>>;
  cancel(reason: unknown): Promise<void>;
}

function sourceOf(readable: ReadableStream<Uint8Array>): Source {
  let byob: ReadableStreamBYOBReader;
  try {
    byob = readable.getReader({ mode: "byob" });
  } catch {
    // Only byte streams can fill an array that they are given.
    const reader = readable.getReader();
    return {
      next: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
    };
  }
  return new ByobSource(byob);
}

const MIN_BUFFER_BYTES = 1024;
const MAX_BUFFER_BYTES = 64 * 1024;

/** Reads into one buffer again and again: it goes to the stream and comes back. */
class ByobSource implements Source {
  readonly #reader: ReadableStreamBYOBReader;
  #buffer = new ArrayBuffer(0);

  constructor(reader: ReadableStreamBYOBReader) {
    this.#reader = reader;
  }

  async next(length: number): Promise<ReadableStreamReadResult<Uint8Array>> {
    const size = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, length));
    const held = this.#buffer.byteLength;
    // A connection that has become quiet must not hold what it had when it was busy.
    const suits = held >= size && held <= 16 * size;
    const buffer = suits ? this.#buffer : new ArrayBuffer(size);
    const result = await this.#reader.read(new Uint8Array(buffer));
    if (result.value !== undefined) this.#buffer = result.value.buffer;
    return result as ReadableStreamReadResult<Uint8Array>;
  }

  cancel(reason: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }
}

/** Carries the bytes of a transport over two streams. */
class StreamCarrier implements Carrier {
  readonly halfClose: boolean;
  readonly #source: Source;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #onClose: () => unknown;
  readonly #onChunk: (result: ReadableStreamReadResult<Uint8Array>) => void;
  readonly #onError: (error: unknown) => void;
  /** The end of the other stream, once it was asked for. */
  #ended: Promise<void> | undefined;
  /** The last write. */
  #sending: Promise<void> | undefined;

  constructor(
    transport: CarriedTransport,
    source: Source,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    halfClose: boolean,
    onClose: () => unknown = () => {},
  ) {
    this.#source = source;
    this.#writer = writer;
    this.halfClose = halfClose;
    this.#onClose = onClose;
    this.#onChunk = ({ done, value }) =>
      done ? transport.endRead() : transport.push(value);
    this.#onError = (error) => transport.failRead(error);
  }

  pull(length: number): void {
    this.#source.next(length).then(this.#onChunk, this.#onError);
  }

  /**
   * One write is on its way while the next one waits for it. `ready` is not asked: of a
   * stream without room of its own it would never resolve.
   */
  async send(bytes: Uint8Array): Promise<void> {
    // The stream may hand it on, and keep it for as long as it likes.
    const copy = copyOf(bytes);
    await this.#sending;
    this.#sending = this.#writer.write(copy);
    // The next call gets it.
    this.#sending.catch(() => {});
  }

  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    // Of a stream that has failed it alone knows why.
    await this.#sending;
    await this.#writer.close();
  }

  close(gracefully: boolean): void {
    // The reasons are for streams that lead to another part of this program.
    // Without half-close the other stream ends with the writable; that of Deno's (2.9)
    // WebSocketStream ends the process where it was cancelled.
    if (this.halfClose) {
      quietly(() => this.#source.cancel(new BrokenPipe("Broken pipe")));
    }
    let closed = false;
    const close = () => {
      if (!closed) quietly(this.#onClose);
      closed = true;
    };
    if (gracefully) {
      // A stream that does not end must not keep the process of the other end alive.
      const timer = setTimeout(close, CLOSE_MS);
      const closeNow = () => {
        clearTimeout(timer);
        close();
      };
      this.end().then(closeNow, closeNow);
    } else {
      const reset = new ConnectionReset("Connection reset by peer");
      quietly(() => this.#writer.abort(reset));
      close();
    }
  }
}
