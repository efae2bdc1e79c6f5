/**
 * A broker that does what a test says, packet by packet.
 *
 * @module
 */

import {
  type Framed,
  framed,
  serve,
  type Server,
  type Socket,
} from "@sluice/net";
import { mqtt } from "../../../examples/mqtt/codec.ts";
import type { Packet } from "../../../examples/mqtt/packet.ts";

/** What a broker does with one connection. */
export type Script = (peer: BrokerSide, connection: number) => Promise<void>;

/** The broker's side of one connection. */
export class BrokerSide {
  readonly #packets: Framed<Packet>;

  constructor(readonly socket: Socket) {
    const codec = mqtt({ maxFrameBytes: 16 * 1024 * 1024 });
    // What a client has sent before it left is still looked at.
    this.#packets = framed(socket, codec, { endOnDrain: false });
  }

  /** The next packet of the client, which must be of this type. */
  async expect<Type extends Packet["type"]>(
    type: Type,
  ): Promise<Packet & { type: Type }> {
    const packet = await this.next();
    if (packet.type === type) return packet as Packet & { type: Type };
    throw new Error(`${type} was expected, got ${JSON.stringify(packet)}`);
  }

  /** The next packet of the client. */
  async next(): Promise<Packet> {
    const packet = await this.#packets.receive();
    if (packet === null) throw new Error("a packet was expected, got the end");
    return packet;
  }

  /** All packets until the client hangs up. */
  rest(): Promise<Packet[]> {
    return Array.fromAsync(this.#packets);
  }

  async send(packet: Packet): Promise<void> {
    await this.#packets.send(packet);
  }

  /** Lets the client in. */
  async accept(sessionPresent = false): Promise<Packet & { type: "connect" }> {
    const packet = await this.expect("connect");
    await this.send({ type: "connack", sessionPresent, code: 0 });
    return packet;
  }

  /** Grants what the client asks for next. */
  async grant(): Promise<string[]> {
    const { id, filters } = await this.expect("subscribe");
    const granted = filters.map(({ qos }) => qos);
    await this.send({ type: "suback", id, granted });
    return filters.map(({ filter }) => filter);
  }

  /** Delivers a message. */
  async deliver(
    topic: string,
    id = 0,
    payload = new Uint8Array(),
    dup = false,
  ): Promise<void> {
    await this.send({
      type: "publish",
      topic,
      payload,
      qos: id > 0 ? 1 : 0,
      retain: false,
      dup,
      id,
    });
  }
}

/** The broker of a script; disposing of it ends it, and throws what the script threw. */
export class ScriptedBroker implements AsyncDisposable {
  readonly #server: Server<Deno.NetAddr>;
  /** Connections so far. */
  connections = 0;
  #error: unknown;

  constructor(script: Script) {
    this.#server = serve({ port: 0, onError() {} }, async (socket) => {
      try {
        await script(new BrokerSide(socket), ++this.connections);
      } catch (error) {
        this.#error ??= error;
        throw error;
      }
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown({ timeoutMs: 2_000 });
    if (this.#error !== undefined) throw this.#error;
  }
}
