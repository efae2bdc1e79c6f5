/**
 * A client of MQTT 3.1.1 that goes on when its connection does not.
 *
 * @module
 */

import {
  BrokenError,
  ByteWriter,
  type CallOptions,
  Deadline,
  FrameTooLargeError,
  LimitError,
  type Socket,
  TimeoutError,
  TlsError,
  UnexpectedEofError,
} from "@sluice/net";
import {
  reconnect,
  type ReconnectingSession,
  type ReconnectOutcome,
} from "@sluice/net/client";
import { complain } from "../_log.ts";
import {
  bytesOf,
  type ClientEvent,
  type ClientOptions,
  type Settings,
  settingsOf,
} from "./client_options.ts";
import { mqtt } from "./codec.ts";
import { Connection, connectPacket } from "./connection.ts";
import { closedError, outOfRange, RefusedError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import { Outbox } from "./outbox.ts";
import type { Packet } from "./packet.ts";
import { PacketIds } from "./packet_ids.ts";
import type { SubscribeOptions, Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";
import { topicFault } from "./topic.ts";
import { within } from "./within.ts";

/** How a message is published, and the limits of the call. */
export interface PublishOptions extends CallOptions {
  /**
   * 0, at most once: delivered when it is sent. 1, at least once: delivered when the
   * broker has acknowledged it, on whatever connection. QoS 2 is not offered.
   *
   * @default {0}
   */
  qos?: 0 | 1;
  /**
   * Whether the broker keeps the message for later subscribers.
   *
   * @default {false}
   */
  retain?: boolean;
}

/** How long `close` waits where its caller does not say. */
const CLOSE_MS = 5_000;

/**
 * A client of an MQTT broker. It connects by itself, and again after each loss, until it is
 * closed or the broker does what another connection would not fix: it refuses the client
 * (but where it says that it is not available), or breaks the protocol. Then every call, and
 * every subscription, ends with that error.
 *
 * A message with QoS 1 that `publish` has taken is sent until it is acknowledged: after a
 * lost connection again, marked as such, in the order in which messages were given, and
 * under its id, which no other packet has meanwhile. So is what was published before the
 * first connection was there.
 *
 * Subscriptions live as long as the client: where the broker has not kept the session they
 * are asked for again. **Subscribe in the same turn in which the client is made**, if
 * `clean` is false: a broker that has kept the session sends what has come meanwhile as
 * soon as the client is there, and what no subscription is there for is dropped.
 *
 * Messages are published and asked for with QoS 0 or 1. A broker that sends one with QoS 2
 * all the same, as it may in a session that another program has begun, breaks the protocol.
 */
export class Client implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #link: ReconnectingSession<Socket, void>;
  readonly #ids = new PacketIds();
  readonly #inbox: Inbox;
  readonly #subscriptions: Subscriptions;
  readonly #outbox: Outbox;
  #connection: Connection | undefined;
  /** Resolves with the connection that is there, or the next one. */
  #ready = readiness();
  /** Resolves when the connection that is there is to be closed. */
  readonly #leaving = Promise.withResolvers<void>();
  #isClosing = false;
  #failure: unknown;

  /**
   * Makes a client, which begins to connect.
   *
   * @throws {TypeError} An option is of the wrong kind, not known, or missing.
   * @throws {RangeError} An option is out of its range.
   */
  constructor(options: ClientOptions) {
    const settings = this.#settings = settingsOf(options);
    const { broker, retry } = settings;
    this.#tryOut(connectPacket(settings));
    this.#inbox = new Inbox(!settings.clean);
    this.#subscriptions = new Subscriptions(
      this.#ids,
      this.#inbox,
      (packet) => this.#tryOut(packet),
    );
    this.#outbox = new Outbox(this.#ids, settings);
    const { retryIf = () => true } = retry;
    this.#link = reconnect({
      ...broker,
      retry: {
        ...retry,
        retryIf: (error, attempt) => mayPass(error) && retryIf(error, attempt),
      },
      onEvent: (event) => {
        if (event.type !== "connect-failed" && event.type !== "lost") return;
        this.#tell({ type: "disconnected", error: event.error });
      },
    }, (socket, { signal }) => this.#serve(socket, signal));
    this.#link.ended.then((outcome) => this.#end(outcome));
  }

  /** Whether the broker has let the client in, and it is there. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Messages that were published and are not delivered. */
  get pending(): number {
    return this.#outbox.pending;
  }

  /** Messages that have come and that no subscription was there for. */
  get unmatched(): number {
    return this.#inbox.unmatched;
  }

  /**
   * Waits until the broker has let the client in.
   *
   * Cancellation: safe. Only the wait ends.
   *
   * @throws {RefusedError} The broker refuses the client.
   * @throws {ClosedError} The client was closed.
   * @throws {TimeoutError} It was not in time.
   * @throws What ended the client.
   */
  async connected(options: CallOptions = {}): Promise<void> {
    this.#check("connect");
    await within("connect", this.#ready.promise, options);
  }

  /**
   * Publishes a message. Resolves when it is delivered, as its QoS has it.
   *
   * Messages leave in the order of the calls, whatever their QoS. Those that wait for a
   * connection, or for earlier ones with QoS 1, are bounded by `maxPending`. Their payload
   * must not change until they are delivered.
   *
   * Cancellation: a message that was not sent yet is taken back. One with QoS 1 that was
   * sent is delivered all the same.
   *
   * @throws {RangeError} `topic` is none.
   * @throws {FrameTooLargeError} The message does not fit into `maxPacketBytes`.
   * @throws {LimitError} `maxPending` messages are not delivered.
   * @throws {BrokenError} QoS 0: the connection was lost while it was sent.
   * @throws {ClosedError} The client was closed before it was delivered.
   * @throws What ended the client.
   */
  async publish(
    topic: string,
    payload: Uint8Array | string,
    { qos = 0, retain = false, ...limits }: PublishOptions = {},
  ): Promise<void> {
    this.#check("publish");
    limits.signal?.throwIfAborted();
    const fault = topicFault(topic);
    if (fault !== undefined) throw outOfRange("publish", "topic", fault, topic);
    if (qos !== 0 && qos !== 1) {
      throw outOfRange("publish", "qos", "0 or 1", qos);
    }
    const bytes = bytesOf(payload);
    this.#checkSize(topic, bytes);
    const message = { topic, payload: bytes, qos, retain };
    const outgoing = this.#outbox.add(message);
    try {
      await within("publish", outgoing.delivered, limits);
    } catch (error) {
      this.#outbox.withdraw(outgoing);
      throw error;
    }
  }

  #checkSize(topic: string, payload: Uint8Array): void {
    const { maxPacketBytes } = this.#settings;
    // The header, the topic behind its length, the id, and the payload.
    const size = 5 + 2 + bytesOf(topic).length + 2 + payload.length;
    if (size <= maxPacketBytes) return;
    throw new FrameTooLargeError(maxPacketBytes, size, {
      operation: "publish",
    });
  }

  /**
   * Subscribes to the topics of a filter, or of several. The broker is asked for them as
   * soon as there is a connection: `granted` of what is returned waits for its answer.
   *
   * @throws {RangeError} A filter is none, is part of another subscription of this client,
   * or an option is out of its range.
   * @throws {ClosedError} The client was closed.
   * @throws What ended the client.
   */
  subscribe(
    filter: string | readonly string[],
    options: SubscribeOptions = {},
  ): Subscription {
    this.#check("subscribe");
    const filters = typeof filter === "string" ? [filter] : [...filter];
    return this.#subscriptions.subscribe(filters, options);
  }

  /** One connection, from its beginning to its end. */
  async #serve(socket: Socket, signal: AbortSignal): Promise<void> {
    const connection = await Connection.open(socket, this.#settings, signal);
    const { sessionPresent } = connection;
    this.#inbox.open(sessionPresent, {
      acknowledge(id) {
        connection.send({ type: "puback", id }).catch(() => {});
      },
      startOver: (of) => void connection.endWith(overrun(of)),
    });
    connection.start((message) => this.#inbox.receive(message));
    this.#connection = connection;
    this.#subscriptions.open(connection);
    this.#outbox.open((packet) =>
      packet.qos > 0
        ? connection.ask(packet as typeof packet & { type: "publish" })
        : connection.send(packet)
    );
    this.#ready.resolve();
    this.#tell({ type: "connected", sessionPresent });
    try {
      await Promise.race([connection.ended(), this.#leaving.promise]);
      await connection.leave();
    } finally {
      this.#connection = undefined;
      this.#ready = readiness();
      this.#outbox.close();
      this.#inbox.close();
      this.#subscriptions.close();
    }
  }

  /**
   * Ends the client gracefully: waits for what was published to be delivered, as long as
   * there is a connection, takes its leave of the broker, which then publishes no will, and
   * closes the connection. Messages that have come can still be read; those with QoS 1
   * that were not acknowledged come again, if the session is kept. Idempotent.
   *
   * Cancellation: a limit cuts the connection. What is not delivered then rejects with
   * `ClosedError`.
   *
   * @param options Limits of all of it; `timeoutMs` is 5,000 by default.
   */
  async close(options: CallOptions = {}): Promise<void> {
    this.#isClosing = true;
    const { timeoutMs = CLOSE_MS, signal, deadline } = options;
    using limit = Deadline.after(timeoutMs, { signal, deadline });
    const limits = { deadline: limit };
    if (this.#connection !== undefined) {
      const { ended } = this.#link;
      const idle = Promise.race([this.#outbox.idle(), ended]);
      await within("close", idle, limits).catch(() => {});
      this.#leaving.resolve();
      await within("close", ended, limits).catch(() => {});
    }
    await this.#link.close(limits);
  }

  /** Ends the client, as {@linkcode Client.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Nothing will come and nothing will be delivered any more. */
  #end(outcome: ReconnectOutcome<void>): void {
    const error = outcome.endedBy === "error" ? outcome.error : undefined;
    this.#isClosing = true;
    this.#failure = error;
    this.#ready.reject(error ?? closedError("connect"));
    this.#outbox.fail(error ?? closedError("publish"));
    this.#subscriptions.end(error);
  }

  /** A hook that throws is the fault of this side's program, and breaks nothing. */
  #tell(event: ClientEvent): void {
    try {
      this.#settings.onEvent(event);
    } catch (error) {
      complain("A hook failed:", error);
    }
  }

  /** Throws where a packet can never be sent. */
  #tryOut(packet: Packet): void {
    const { maxPacketBytes } = this.#settings;
    const codec = mqtt({ maxFrameBytes: maxPacketBytes });
    codec.encoder().encode(packet, new ByteWriter());
  }

  #check(action: string): void {
    if (this.#isClosing) throw this.#failure ?? closedError(action);
  }
}

function readiness(): PromiseWithResolvers<void> {
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // No call may wait for it.
  return ready;
}

/** Whether another connection may help. */
function mayPass(error: unknown): boolean {
  if (error instanceof RefusedError) return error.isTemporary;
  if (error instanceof TlsError) return error.reason === "closed-in-handshake";
  return error instanceof BrokenError || error instanceof TimeoutError ||
    error instanceof UnexpectedEofError || error instanceof LimitError;
}

function overrun({ filters, maxQueuedMessages }: Subscription): LimitError {
  return new LimitError(
    "maxQueuedMessages",
    maxQueuedMessages,
    `Cannot go on: the broker has sent more for ${
      JSON.stringify(filters[0].slice(0, 60))
    } than there was room for, and has to send it again`,
  );
}
