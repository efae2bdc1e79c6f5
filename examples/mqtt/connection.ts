/**
 * One connection to a broker that has let the client in.
 *
 * @module
 */

import {
  ClosedError,
  type Framed,
  framed,
  MalformedFrameError,
  type Socket,
  UnexpectedEofError,
} from "@sluice/net";
import { Requests } from "@sluice/net/client";
import { mqtt } from "./codec.ts";
import type { Settings } from "./client_options.ts";
import type { Packet, PublishPacket } from "./packet.ts";
import { connectionRefused } from "./errors.ts";

/** A packet that has begun to come must be whole after this time. */
const PACKET_MS = 60_000;

/** The packets that are answered, by one with their id, and the type of the answer. */
const ANSWERS = {
  publish: "puback",
  subscribe: "suback",
  unsubscribe: "unsuback",
} as const;

type Question = Packet & { type: keyof typeof ANSWERS };
type Answer<Q extends Question> = Packet & {
  type: (typeof ANSWERS)[Q["type"]];
};

/** A connection, from the broker's answer to CONNECT on. */
export class Connection {
  /** Whether the broker has kept the session. */
  readonly sessionPresent: boolean;
  readonly #socket: Socket;
  readonly #framed: Framed<Packet>;
  readonly #settings: Settings;
  #requests: Requests<Packet> | undefined;

  private constructor(
    socket: Socket,
    framed: Framed<Packet>,
    settings: Settings,
    sessionPresent: boolean,
  ) {
    this.#socket = socket;
    this.#framed = framed;
    this.#settings = settings;
    this.sessionPresent = sessionPresent;
  }

  /**
   * Waits until the broker lets the client in.
   *
   * @throws {RefusedError} It does not.
   * @throws {MalformedFrameError} It does not speak MQTT.
   * @throws {UnexpectedEofError} It hangs up.
   * @throws {TimeoutError} It does not answer.
   */
  static async open(
    socket: Socket,
    settings: Settings,
    signal: AbortSignal,
  ): Promise<Connection> {
    const { maxPacketBytes, answerTimeoutMs, clean } = settings;
    const packets = framed(socket, mqtt({ maxFrameBytes: maxPacketBytes }), {
      frameTimeoutMs: PACKET_MS,
    });
    await packets.send(connectPacket(settings), { signal });
    const limits = { signal, timeoutMs: answerTimeoutMs };
    const answer = await packets.receive(limits);
    if (answer === null) throw hungUp();
    if (answer.type !== "connack") throw unexpected(answer);
    const { code, sessionPresent } = answer;
    if (code > 0) throw connectionRefused(code);
    if (sessionPresent && clean) {
      throw new MalformedFrameError(
        "Cannot accept a packet CONNACK: a session that was to be clean must not be present",
      );
    }
    return new Connection(socket, packets, settings, sessionPresent);
  }

  /**
   * Begins to receive.
   *
   * @param onMessage Gets each message; what it throws ends the connection.
   */
  start(onMessage: (message: PublishPacket) => void): void {
    const { keepAliveMs } = this.#settings;
    this.#requests = new Requests(this.#framed, {
      match: { request: questionKey, response: answerKey },
      onUnsolicited: (packet) => {
        try {
          if (packet.type !== "publish") throw unexpected(packet);
          onMessage(packet);
        } catch (error) {
          this.fail(error);
        }
      },
      heartbeat: {
        ping: () => ({ type: "pingreq" }),
        isPong: ({ type }) => type === "pingresp",
        always: true, // The broker wants signs of life as well.
        intervalMs: keepAliveMs * 3 / 4,
        timeoutMs: keepAliveMs / 2,
        maxMissed: 1,
      },
    });
  }

  /** Sends a packet that has no answer. */
  send(packet: Packet): Promise<void> {
    return this.#framed.send(packet);
  }

  /** Sends a packet, and gives its answer. One that does not come ends the connection. */
  async ask<Q extends Question>(packet: Q): Promise<Answer<Q>> {
    const timeoutMs = this.#settings.answerTimeoutMs;
    try {
      return await this.#requests!.request(packet, { timeoutMs }) as Answer<Q>;
    } catch (error) {
      this.#socket.abort(error);
      throw error;
    }
  }

  /** Ends it, as the broker has broken the protocol. */
  fail(error: unknown): void {
    this.#socket.abort(error);
  }

  /** Ends it with an error, when what was sent is on its way. */
  async endWith(error: unknown): Promise<void> {
    await this.#framed.flush().catch(() => {});
    this.#socket.abort(error);
  }

  /** Takes leave of the broker, which then publishes no will. */
  async leave(): Promise<void> {
    await this.#framed.send({ type: "disconnect" });
    await this.#framed.flush();
  }

  /** Waits for the end of the connection, and throws what it was. */
  async ended(): Promise<never> {
    await this.#socket.closed;
    const { reason } = this.#socket.signal;
    // Closed by itself, as the broker had closed its side.
    throw reason instanceof ClosedError ? hungUp() : reason;
  }
}

/** The first packet of a client. */
export function connectPacket(settings: Settings): Packet {
  const { clientId, clean, will, username, password, keepAliveMs } = settings;
  return {
    type: "connect",
    clientId,
    clean,
    keepAlive: Math.ceil(keepAliveMs / 1000),
    ...(will && { will }),
    ...(username !== undefined && { username }),
    ...(password && { password }),
  };
}

/** An answer of the wrong type answers nothing, whatever its id. */
function questionKey(packet: Packet): string | undefined {
  return packet.type in ANSWERS
    ? `${ANSWERS[packet.type as keyof typeof ANSWERS]} ${
      (packet as Question).id
    }`
    : undefined;
}

function answerKey(packet: Packet): string | undefined {
  const { type } = packet;
  return type === "puback" || type === "suback" || type === "unsuback"
    ? `${type} ${packet.id}`
    : undefined;
}

function unexpected(packet: Packet): MalformedFrameError {
  const id = "id" in packet ? ` with the id ${packet.id}` : "";
  return new MalformedFrameError(
    `Cannot accept a packet ${packet.type.toUpperCase()}${id}: the broker must not send it now`,
    { operation: "receive" },
  );
}

function hungUp(): UnexpectedEofError {
  return new UnexpectedEofError(
    0,
    undefined,
    "Cannot go on: the broker ended the connection",
    { operation: "receive" },
  );
}
