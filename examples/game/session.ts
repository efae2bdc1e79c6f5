/**
 * The client's side of the game: one player or spectator, over as many connections as
 * it takes. Knows nothing of keys and screens: a bot uses it as a person does.
 *
 * @module
 */

import { framed, sleep, type Socket, SocketError } from "@sluice/net";
import { Arena, type Heading, type Point, same } from "./arena.ts";
import type { ClientDatagramConnection } from "./datagram_client.ts";
import { DatagramConnection } from "./datagram_connection.ts";
import { Prediction, type World } from "./prediction.ts";
import {
  type ClientPacketOut,
  clientSide,
  type SeenPlayer,
  type ServerPacket,
  type Snapshot,
} from "./protocol.ts";

/** The server says something ten times a second: this long, and it is gone. */
const SILENCE_MS = 3_000;
/** Beats from ping to ping. */
const PING_BEATS = 10;
/** Connections in a row without a welcome, after which it gives up. */
const MOST_FAILURES = 10;
const RECONNECT_MS = 200;

/** Who plays, and how to reach the server. */
export interface SessionOptions {
  /** Makes a connection. */
  dial: (signal: AbortSignal) => Promise<Socket | ClientDatagramConnection>;
  /** What the player is called. */
  name: string;
  /** Only looks on. */
  watch?: boolean;
  /** Called with every snapshot. */
  onSnapshot?: (snapshot: Snapshot) => void;
}

/** The server does not want this client; trying again is of no use. */
export class RefusedError extends Error {
  static {
    this.prototype.name = "RefusedError";
  }
}

/** One client's game. */
export class Session {
  readonly #options: SessionOptions;
  readonly #prediction = new Prediction();
  #connection: Pick<ClientDatagramConnection, "send"> | undefined;
  #token: Uint8Array | undefined;
  #arena = new Arena(0);
  #beats = 0;
  #failures = 0;
  /** What the server said last. */
  snapshot: Snapshot | undefined;
  /** This player's number; 0 for a spectator. */
  id = 0;
  /** Milliseconds from tick to tick. */
  tickMs = 100;
  /** Gems to win. */
  goal = 0;
  /** There and back, in milliseconds. */
  roundTripMs: number | undefined;
  /** Connections after the first one. */
  reconnects = 0;

  /** @param options Who plays, and how to reach the server. */
  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Whether there is a connection. */
  get online(): boolean {
    return this.#connection !== undefined;
  }

  /** The walls. */
  get arena(): Arena {
    return this.#arena;
  }

  /** Where this player is shown. */
  get at(): Point {
    return this.#prediction.at;
  }

  /** How many moves this player has made, confirmed or not. */
  get moves(): number {
    return this.#prediction.sequence;
  }

  /** How often the server knew better than the prediction. */
  get corrections(): number {
    return this.#prediction.corrections;
  }

  /**
   * Plays until `signal` aborts, which is to leave. Connections that break are
   * replaced, and the seat is kept.
   *
   * @param decide Says once a tick where to go.
   * @param signal Ends the game.
   * @throws {RefusedError} The server does not want this client.
   * @throws {SocketError} The server cannot be reached any more.
   */
  async play(decide: () => Heading, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    const staying = this.#stay(both).finally(() => end.abort());
    staying.catch(() => {}); // Thrown below, when the beat has come to its end.
    while (!both.aborted) {
      this.#beat(decide());
      await sleep(this.tickMs, { signal: both }).catch(() => {});
    }
    await staying;
  }

  async #stay(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await using socket = await this.#options.dial(signal);
        await this.#converse(socket, signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof SocketError)) throw error;
        // Only a player that was there before has a seat to come back to.
        const isNew = this.#token === undefined;
        if (isNew || ++this.#failures >= MOST_FAILURES) throw error;
      } finally {
        this.#connection = undefined;
      }
      await sleep(RECONNECT_MS, { signal }).catch(() => {});
    }
  }

  async #converse(
    socket: Socket | ClientDatagramConnection,
    signal: AbortSignal,
  ): Promise<void> {
    const connection = socket instanceof DatagramConnection
      ? socket
      : framed(socket, clientSide);
    const { name, watch = false } = this.#options;
    const limits = { signal, timeoutMs: SILENCE_MS };
    await connection.send(
      { type: "hello", name, watch, token: this.#token },
      limits,
    );
    while (true) {
      const packet = await connection.receive(limits);
      if (packet === null) return;
      if (packet.type === "welcome") {
        this.#begin(packet);
        this.#connection = connection;
      } else if (packet.type === "refused") {
        throw new RefusedError(packet.reason);
      } else if (packet.type === "pong") {
        this.roundTripMs = performance.now() - packet.sentAtMs;
      } else this.#see(packet);
    }
  }

  #begin(welcome: Extract<ServerPacket, { type: "welcome" }>): void {
    if (this.#token !== undefined) this.reconnects++;
    this.#failures = 0;
    this.id = welcome.id;
    // Another server than ours may say anything.
    this.tickMs = Math.min(Math.max(welcome.tickMs, 10), 1_000);
    this.goal = welcome.goal;
    // A view of what was read: as long as it is kept, it must be a copy.
    this.#token = welcome.token.slice();
    // What was under way on the old connection never arrives.
    this.#prediction.restart(this.#prediction.at);
  }

  #see(snapshot: Snapshot): void {
    const isNewMatch = this.#arena.seed !== snapshot.seed ||
      this.snapshot === undefined;
    this.snapshot = snapshot;
    if (isNewMatch) this.#arena = new Arena(snapshot.seed);
    const me = this.me;
    if (me !== undefined) {
      if (isNewMatch) this.#prediction.restart(me);
      this.#prediction.reconcile(me, snapshot.acked, this.#world);
    }
    this.#options.onSnapshot?.(snapshot);
  }

  /** What the server says of this player. */
  get me(): SeenPlayer | undefined {
    return this.snapshot?.players.find(({ id }) => id === this.id);
  }

  /** The others, where the server saw them last. */
  get others(): SeenPlayer[] {
    return this.snapshot?.players.filter(({ id }) => id !== this.id) ?? [];
  }

  /** The gems, without those that this player has just been at. */
  get gems(): Point[] {
    const { path } = this.#prediction;
    return this.snapshot?.gems
      .filter((gem) => !path.some((point) => same(point, gem))) ?? [];
  }

  get #world(): World {
    return { arena: this.#arena, others: this.others };
  }

  /** One tick of the client: moves at once, and tells the server. Never waits. */
  #beat(heading: Heading): void {
    const { snapshot } = this;
    if (this.#connection === undefined || snapshot === undefined) return;
    if (this.#beats++ % PING_BEATS === 0) {
      this.#send({ type: "ping", sentAtMs: Math.floor(performance.now()) });
    }
    if (heading === "stay" || snapshot.phase !== "running" || !this.me) return;
    const input = this.#prediction.move(heading, this.#world);
    if (input !== undefined) this.#send({ type: "input", ...input });
  }

  /** What cannot be sent is lost with its connection, which `run` replaces. */
  #send(packet: ClientPacketOut): void {
    this.#connection?.send(packet).catch(() => {});
  }
}
