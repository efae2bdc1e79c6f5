/**
 * One end of a connection: messages, and between them the contents of files.
 *
 * Contents come in chunks: four bytes with the length, then the bytes; a length of 0
 * ends them. They go past the codec, straight from the file's buffer to the socket and
 * from the socket into the file's buffer.
 *
 * @module
 */

import {
  type CallOptions,
  type Framed,
  framed,
  MalformedFrameError,
  type Socket,
  UnexpectedEofError,
} from "@sluice/net";
import { visibleText } from "../_safe_text.ts";
import {
  type Message,
  type MessageOf,
  messages,
  type OutgoingMessage,
  Refusal,
} from "./messages.ts";
import { SharedRate } from "./rate.ts";

/**
 * Most bytes in a chunk: so many that the calls cost little beside them, and so few
 * that they are still in the processor's cache when they are hashed.
 */
export const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 4;
/** Longest from the first byte of a message to its last. */
const MESSAGE_MS = 30_000;

/** A buffer for a chunk: its contents are those of {@linkcode contentsOf}. */
export function chunkBuffer(): Uint8Array {
  return new Uint8Array(HEADER_BYTES + CHUNK_BYTES);
}

/** The part of a chunk's buffer that contents are read into. */
export function contentsOf(buffer: Uint8Array): Uint8Array {
  return buffer.subarray(HEADER_BYTES);
}

/** One end of a connection. */
export class Peer implements AsyncDisposable {
  readonly #socket: Socket;
  #framed: Framed<Message, OutgoingMessage> | undefined;
  readonly #rate: SharedRate;
  readonly #header = new Uint8Array(HEADER_BYTES);
  /** The next message, where it is waited for already. */
  #ahead: Promise<Message | null> | undefined;
  /** Bytes of the chunk that have not been read yet. */
  #rest = 0;

  /**
   * Takes a connection.
   *
   * @param rate What contents may take, together with those of other connections.
   */
  constructor(socket: Socket, rate = new SharedRate(Infinity)) {
    this.#socket = socket;
    this.#rate = rate;
  }

  get #messages(): Framed<Message, OutgoingMessage> {
    return this.#framed ??= framed(this.#socket, messages, {
      frameTimeoutMs: MESSAGE_MS,
      endOnDrain: false, // A transfer that is under way may finish.
    });
  }

  /** Most contents to send at once. */
  get portionBytes(): number {
    return Math.min(CHUNK_BYTES, this.#rate.portionBytes);
  }

  /** Sends a message. */
  send(message: OutgoingMessage): Promise<void> {
    return this.#messages.send(message);
  }

  /** The next message, or `null` at the end. */
  receive(options?: CallOptions): Promise<Message | null> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? this.#messages.receive(options);
  }

  /**
   * Waits for the next message while something else is done: work for a client that
   * has left can stop.
   *
   * @returns Aborts when the other side leaves before it has said anything.
   */
  watch(): AbortSignal {
    const left = new AbortController();
    this.#ahead ??= this.#messages.receive();
    this.#ahead.then(
      (message) => message === null && left.abort(cutOff()),
      (error) => left.abort(error),
    );
    return left.signal;
  }

  /**
   * The next message, which must be of one of these types.
   *
   * @throws {Refusal} The other side refused.
   */
  async expect<Type extends Message["type"]>(
    ...types: Type[]
  ): Promise<MessageOf<Type>> {
    const message = await this.receive();
    if (types.some((type) => message?.type === type)) {
      return message as MessageOf<Type>;
    }
    const expected = `"${types.join('" or "')}"`;
    if (message?.type === "refused") {
      throw new Refusal(visibleText(message.reason));
    }
    if (message === null) {
      throw new UnexpectedEofError(
        0,
        undefined,
        `Cannot go on: the other side ended the connection before ${expected}`,
      );
    }
    throw new MalformedFrameError(
      `Cannot go on: the next message must be ${expected}, got "${message.type}"`,
    );
  }

  /**
   * Sends a chunk of contents; one of 0 bytes ends them. The buffer must not change
   * until the promise resolves.
   *
   * @param buffer Made by {@linkcode chunkBuffer}.
   * @param length How many bytes of it are contents.
   */
  async sendChunk(buffer: Uint8Array, length: number): Promise<void> {
    await this.#rate.take(length);
    new DataView(buffer.buffer).setUint32(0, length);
    await this.#socket.write(buffer.subarray(0, HEADER_BYTES + length));
  }

  /**
   * Reads contents until `target` is full or they end.
   *
   * @param onBytes Called with the size of each piece, however small.
   * @returns How many bytes; less than `target` holds only at the end.
   */
  async receiveContents(
    target: Uint8Array,
    onBytes: (count: number) => void = () => {},
  ): Promise<number> {
    // The bytes of a chunk are no messages: they are read from the bare socket.
    this.#framed?.detach();
    this.#framed = undefined;
    let filled = 0;
    while (filled < target.length) {
      if (this.#rest === 0) {
        this.#rest = await this.#chunkLength();
        if (this.#rest === 0) break;
      }
      const portion = Math.min(this.#rest, this.#rate.portionBytes);
      const room = target.subarray(filled, filled + portion);
      const count = await this.#socket.readInto(room);
      if (count === null) throw cutOff();
      filled += count;
      this.#rest -= count;
      onBytes(count);
      await this.#rate.take(count);
    }
    return filled;
  }

  async #chunkLength(): Promise<number> {
    const header = this.#header;
    for (let filled = 0; filled < HEADER_BYTES;) {
      const count = await this.#socket.readInto(header.subarray(filled));
      if (count === null) throw cutOff();
      filled += count;
    }
    const length = new DataView(header.buffer).getUint32(0);
    if (length <= CHUNK_BYTES) return length;
    throw new MalformedFrameError(
      `Cannot accept a chunk: its size must be at most ${CHUNK_BYTES} bytes, got ${length}`,
    );
  }

  /** Ends at once. */
  abort(): void {
    this.#socket.abort();
  }

  /** Ends gracefully. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
  }
}

function cutOff(): UnexpectedEofError {
  return new UnexpectedEofError(
    0,
    undefined,
    "Cannot go on: the other side ended the connection",
  );
}
