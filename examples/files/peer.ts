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
  type Framed,
  framed,
  MalformedFrameError,
  type Socket,
  UnexpectedEofError,
} from "@sluice/net";
import {
  type Message,
  type MessageOf,
  messages,
  type OutgoingMessage,
  Refusal,
} from "./messages.ts";

/**
 * Most bytes in a chunk: so many that the calls cost little beside them, and so few
 * that they are still in the processor's cache when they are hashed.
 */
export const CHUNK_BYTES = 256 * 1024;
const HEADER_BYTES = 4;

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
  readonly #header = new Uint8Array(HEADER_BYTES);
  /** Bytes of the chunk that have not been read yet. */
  #rest = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get #messages(): Framed<Message, OutgoingMessage> {
    return this.#framed ??= framed(this.#socket, messages);
  }

  /** Sends a message. */
  send(message: OutgoingMessage): Promise<void> {
    return this.#messages.send(message);
  }

  /** The next message, or `null` at the end. */
  async receive(): Promise<Message | null> {
    return await this.#messages.receive();
  }

  /**
   * The next message, which must be of this type.
   *
   * @throws {Refusal} The other side refused.
   */
  async expect<Type extends Message["type"]>(
    type: Type,
  ): Promise<MessageOf<Type>> {
    const message = await this.receive();
    if (message?.type === type) return message as MessageOf<Type>;
    if (message?.type === "refused") {
      throw new Refusal(printable(message.reason));
    }
    if (message === null) {
      throw new UnexpectedEofError(
        0,
        undefined,
        `Cannot go on as the other side ended the connection before '${type}'`,
      );
    }
    throw new MalformedFrameError(
      `Cannot go on as the next message must be '${type}': current value is '${message.type}'`,
    );
  }

  /**
   * Sends a chunk of contents; one of 0 bytes ends them. The buffer must not change
   * until the promise resolves.
   *
   * @param buffer Made by {@linkcode chunkBuffer}.
   * @param length How many bytes of it are contents.
   */
  sendChunk(buffer: Uint8Array, length: number): Promise<void> {
    new DataView(buffer.buffer).setUint32(0, length);
    return this.#socket.write(buffer.subarray(0, HEADER_BYTES + length));
  }

  /**
   * Reads contents until `target` is full or they end.
   *
   * @returns How many bytes; less than `target` holds only at the end.
   */
  async receiveContents(target: Uint8Array): Promise<number> {
    // The bytes of a chunk are no messages: they are read from the bare socket.
    this.#framed?.detach();
    this.#framed = undefined;
    let filled = 0;
    while (filled < target.length) {
      if (this.#rest === 0) {
        this.#rest = await this.#chunkLength();
        if (this.#rest === 0) break;
      }
      const room = target.subarray(filled, filled + this.#rest);
      const count = await this.#socket.readInto(room);
      if (count === null) throw cutOff();
      filled += count;
      this.#rest -= count;
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
      `Cannot accept a chunk as its size must be at most ${CHUNK_BYTES} bytes: current value is ${length}`,
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
    "Cannot go on as the other side ended the connection inside a file",
  );
}

/** What a stranger says must not move the cursor of a terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- exactly those
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
