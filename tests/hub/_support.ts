/**
 * Members of a hub in memory, and engines that misbehave.
 *
 * @module
 */

import { lines } from "../../lib/codec/lines.ts";
import { type Framed, framed } from "../../lib/framed/framed.ts";
import type { Engine } from "../../lib/hub/engine.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { spiedPair, type SpyTransport } from "../_support/sockets.ts";

/** A connection of lines, as the server has it, and its peer. */
export interface Reader extends Disposable {
  readonly connection: Framed<string>;
  readonly socket: Socket;
  readonly peer: Socket;
  /** What the server's socket does to its transport; `hold` stalls the peer. */
  readonly spy: SpyTransport;
  /** The next lines that the peer gets. */
  read(count: number): Promise<(string | null)[]>;
}

/** Makes a {@linkcode Reader}. */
export function reader(): Reader {
  const pair = spiedPair();
  const { left: socket, right: peer, spy } = pair;
  return {
    connection: framed(socket, lines()),
    socket,
    peer,
    spy,
    async read(count) {
      const read: (string | null)[] = [];
      while (read.length < count) {
        read.push(await peer.readLine({ timeoutMs: 10_000 }));
      }
      return read;
    },
    [Symbol.dispose]: () => pair[Symbol.dispose](),
  };
}

/** An engine that does to each message on its way what `change` says. */
export function changing(
  inner: Engine,
  change: (data: Uint8Array) => Uint8Array[],
): Engine {
  return {
    publish: (topic, data) => inner.publish(topic, data),
    subscribe: (topic, onMessage, options) =>
      inner.subscribe(
        topic,
        (data) => change(data).forEach(onMessage),
        options,
      ),
  };
}
