/**
 * Two connected transports over each carrier that an adapter takes.
 *
 * @module
 */

import { once } from "node:events";
import { connect, createServer, type Socket as NodeSocket } from "node:net";
import { Duplex } from "node:stream";
import { assertEquals } from "@std/assert";
import { framed, lengthPrefixed, Socket } from "@sluice/net";
import { fromDuplex, fromStreams, fromWebSocket } from "@sluice/net/adapters";
import type { FromWebSocketOptions, Transport } from "@sluice/net/adapters";

/** Two transports that are connected. */
export type Pair = [Transport, Transport];

/** Byte streams in this process, each with room for one chunk. */
export function streamPair(): Pair {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    fromStreams({ readable: back.readable, writable: there.writable }),
    fromStreams({ readable: there.readable, writable: back.writable }),
  ];
}

/** A byte stream that can be read without fresh memory, fed by a stream of chunks. */
export function byteStreamOf(
  chunks: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = chunks.getReader();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value as Uint8Array<ArrayBuffer>);
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** The same over byte streams. */
export function byteStreamPair(): Pair {
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [
    fromStreams({
      readable: byteStreamOf(back.readable),
      writable: there.writable,
    }),
    fromStreams({
      readable: byteStreamOf(there.readable),
      writable: back.writable,
    }),
  ];
}

/** One end of a connection in memory, as Node has them. */
class DuplexEnd extends Duplex {
  peer!: DuplexEnd;
  /** Says that the peer's last write was taken. */
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error) => void,
  ): void {
    if (this.peer.destroyed) done(new Deno.errors.BrokenPipe("Broken pipe"));
    else if (this.peer.push(chunk)) done();
    else this.peer.#taken = done;
  }

  override _final(done: () => void): void {
    this.peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void) {
    this._read();
    // As TCP does: the peer sees an end, and then fails to write.
    if (!this.writableFinished) this.peer.push(null);
    done(error);
  }
}

/** Two ends of a connection in memory, as Node has them. */
export function duplexes(): [Duplex, Duplex] {
  const [left, right] = [new DuplexEnd(), new DuplexEnd()];
  left.peer = right;
  right.peer = left;
  return [left, right];
}

/** Transports over streams of Node in memory. */
export function duplexPair(): Pair {
  const [left, right] = duplexes();
  return [fromDuplex(left), fromDuplex(right)];
}

/** Sockets of Node. */
export async function nodeSockets(): Promise<[NodeSocket, NodeSocket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connect(port, "127.0.0.1");
  const [[accepted]] = await Promise.all([
    once(server, "connection"),
    once(client, "connect"),
  ]);
  server.close();
  return [client, accepted];
}

/** Transports over sockets of Node. */
export async function nodeSocketPair(): Promise<Pair> {
  const [client, accepted] = await nodeSockets();
  return [fromDuplex(client), fromDuplex(accepted)];
}

/** A server of WebSockets; the next one that connects. */
export class WebSocketServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #waiting: ((webSocket: WebSocket) => void)[] = [];

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { socket, response } = Deno.upgradeWebSocket(request);
        this.#waiting.shift()?.(socket);
        return response;
      },
    );
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The server's end of the next connection, before it is open. */
  next(): Promise<WebSocket> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Both ends of a connection; neither is open yet. */
  async pair(options?: FromWebSocketOptions): Promise<Pair> {
    const accepted = this.next().then((end) => fromWebSocket(end, options));
    const client = fromWebSocket(new WebSocket(this.url), options);
    return [client, await accepted];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Sends frames of many sizes there and back, and ends both sides gracefully. */
export async function exchangeFrames([left, right]: Pair): Promise<void> {
  const [client, server] = [new Socket(left), new Socket(right)];
  const echo = (async () => {
    const connection = framed(server, lengthPrefixed());
    for await (const frame of connection) await connection.send(frame);
    await server.close();
  })();
  const connection = framed(client, lengthPrefixed());
  for (const size of [0, 1, 70_000, 500_000]) {
    const frame = new Uint8Array(size).map((_, index) => index * 31);
    await connection.send(frame);
    assertEquals(await connection.receive(), frame);
  }
  await client.closeWrite();
  assertEquals(await connection.receive(), null);
  await Promise.all([client.close(), echo]);
}
