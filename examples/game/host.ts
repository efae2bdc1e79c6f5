/**
 * The server's side of the game: it alone decides, at a fixed tick. Takes sockets of
 * any kind.
 *
 * @module
 */

import {
  framed,
  FrameTooLargeError,
  MalformedFrameError,
  type Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import { FloodGuard } from "../_flood_guard.ts";
import { Lookalikes } from "../_lookalikes.ts";
import {
  addressOf,
  PendingConnections,
  PendingError,
} from "../_pending_connections.ts";
import { DatagramConnection } from "./datagram_connection.ts";
import type { ServerDatagramConnection } from "./datagram_server.ts";
import { Match, type MatchOptions } from "./match.ts";
import { type ClientPacket, isPlayerName, serverSide } from "./protocol.ts";
import { Seat } from "./seat.ts";

/** Most spectators, and most of them from one address. */
const MOST_SPECTATORS = 32;
const MOST_SPECTATORS_PER_ADDRESS = 16;
/** Connections without a hello; more than these, and the oldest one is cut. */
const MOST_PENDING = 12;
/** Longest until a client says hello. */
const HELLO_MS = 3_000;
/** A client says at least ping in this time. */
const SILENCE_MS = 10_000;
/** How long the seat of a lost player stays, in ticks. */
const AWAY_TICKS = 100;

/** What a game is like. */
export interface HostOptions extends MatchOptions {
  /** Milliseconds from tick to tick, for clients to know. */
  tickMs: number;
  /**
   * Most players of one IP address.
   *
   * @default {4}
   */
  playersPerAddress?: number;
  /** Called with news, in words: which players come, go and win. */
  onNews?: (news: string) => void;
}

/** What is needed of a connection, over TCP or UDP. */
type Connection = Pick<ServerDatagramConnection, "send" | "receive">;
type Peer = Pick<Socket, "abort" | "remoteAddr">;

/** A client that is connected: a player, or a spectator without a seat. */
interface Guest {
  readonly connection: Connection;
  readonly seat: Seat | undefined;
  /** The IP address that it comes from; undefined where there is none. */
  readonly address: string | undefined;
  /** A snapshot is on its way: the next one is left out rather than queued. */
  busy: boolean;
}

/** Why a client cannot take part; it is told. */
class Refusal extends Error {}

/** A game for all who connect. */
export class Host {
  readonly match: Match;
  readonly #options: HostOptions;
  readonly #seats = new Map<number, Seat>();
  readonly #guests = new Set<Guest>();
  /** The name of each seat: no player may look like another one. */
  readonly #names = new Lookalikes<Seat>();
  readonly #pending = new PendingConnections({ max: MOST_PENDING });

  /** @param options The match, and its pace. */
  constructor(options: HostOptions) {
    this.#options = options;
    this.match = new Match(options);
  }

  /** One tick: moves, rules, snapshots. To be called every `tickMs`. */
  tick(): void {
    const { match } = this;
    const { phase } = match;
    for (const [id, seat] of this.#seats) {
      for (const heading of seat.takeMoves()) match.move(id, heading);
      if (match.tick - seat.lostAt > AWAY_TICKS) this.#remove(seat);
    }
    match.advance();
    if (phase === "running" && match.phase === "over") this.#tellWinner();
    this.#sendSnapshots();
  }

  #tellWinner(): void {
    const { name, gems } = this.match.players.get(this.match.winner)!;
    this.#news(`${name} won with ${gems} gems at tick ${this.match.tick}`);
  }

  #sendSnapshots(): void {
    const { tick, phase, winner, gems, arena, players } = this.match;
    const seen = [...players.values()].map((player) => ({
      ...player,
      safe: player.safeUntil > tick,
      away: this.#seats.get(player.id)!.isLost,
    }));
    const common = {
      tick,
      phase,
      winner,
      gems,
      seed: arena.seed,
      players: seen,
    };
    for (const guest of this.#guests) {
      if (guest.busy) continue;
      guest.busy = true;
      const acked = guest.seat?.acked ?? 0;
      guest.connection.send({ type: "snapshot", acked, ...common }).then(
        () => guest.busy = false,
        () => {}, // Its own task hears why, and ends.
      );
    }
  }

  /** Takes care of one client, until it goes. */
  async handle(
    socket: Socket | ServerDatagramConnection,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    const connection = socket instanceof DatagramConnection
      ? socket
      : framed(socket, serverSide);
    try {
      const guest = await this.#admit(connection, socket, signal);
      await this.#play(guest, signal);
    } catch (error) {
      const reason = signal.aborted
        ? "the server closes"
        : error instanceof Refusal
        ? error.message
        : error instanceof MalformedFrameError ||
            error instanceof FrameTooLargeError
        ? "that is not this game's protocol"
        : undefined;
      if (reason === undefined) throw error;
      await connection.send({ type: "refused", reason });
    }
  }

  async #admit(
    connection: Connection,
    socket: Peer,
    signal: AbortSignal,
  ): Promise<Guest> {
    const hello = await this.#hello(connection, socket, signal);
    if (hello?.type !== "hello") throw new Refusal("hello must come first");
    const address = "hostname" in socket.remoteAddr
      ? addressOf(socket)
      : undefined;
    let seat: Seat | undefined;
    if (!hello.watch) {
      seat = this.#resume(hello.token) ?? this.#sit(hello.name, address);
    } else this.#checkSpectators(address);
    seat?.take(() => socket.abort());
    const guest = { connection, seat, address, busy: false };
    const { tickMs, goal } = this.#options;
    const token = seat?.token ?? new Uint8Array(16);
    this.#guests.add(guest);
    try {
      const id = seat?.id ?? 0;
      await connection.send({ type: "welcome", id, token, tickMs, goal });
    } catch (error) {
      this.#guests.delete(guest);
      throw error;
    }
    return guest;
  }

  async #hello(
    connection: Connection,
    socket: Peer,
    signal: AbortSignal,
  ): Promise<ClientPacket | null> {
    using _ = this.#pending.add(socket);
    try {
      return await connection.receive({ signal, timeoutMs: HELLO_MS });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      throw new PendingError("it did not say hello");
    }
  }

  /** The seat that a token stands for, if it is still there. */
  #resume(token: Uint8Array | undefined): Seat | undefined {
    if (token === undefined) return undefined;
    const seat = [...this.#seats.values()].find((each) => each.owns(token));
    if (seat !== undefined) this.#news(`${seat.name} is back`);
    return seat;
  }

  #sit(name: string, address: string | undefined): Seat {
    if (!isPlayerName(name)) {
      throw new Refusal("a name must be 1 to 12 letters, digits, _ and -");
    }
    const [other] = this.#names.get(name);
    if (other !== undefined) {
      throw new Refusal(
        `${other.name} plays already, and ${name} looks the same: ` +
          "choose another name",
      );
    }
    const { playersPerAddress = 4 } = this.#options;
    const neighbors = [...this.#seats.values()]
      .filter((seat) => address !== undefined && seat.address === address);
    if (neighbors.length >= playersPerAddress) {
      throw new Refusal("there are too many players from your address");
    }
    const player = this.match.add(name);
    if (player === undefined) throw new Refusal("the game is full");
    const seat = new Seat(player.id, name, address);
    this.#seats.set(player.id, seat);
    this.#names.set(name, seat);
    this.#news(`${name} came`);
    return seat;
  }

  #checkSpectators(address: string | undefined): void {
    const spectators = [...this.#guests]
      .filter(({ seat }) => seat === undefined);
    const neighbors = spectators
      .filter((guest) => address !== undefined && guest.address === address);
    if (
      spectators.length >= MOST_SPECTATORS ||
      neighbors.length >= MOST_SPECTATORS_PER_ADDRESS
    ) throw new Refusal("there are too many spectators");
  }

  async #play(guest: Guest, signal: AbortSignal): Promise<void> {
    const { connection, seat } = guest;
    const leave = seat?.current;
    // A player sends one move a tick, and a ping now and then: three times as much,
    // and what the network held back, is still fair.
    const guard = new FloodGuard(Math.max(40, 3_000 / this.#options.tickMs));
    try {
      while (true) {
        const packet = await connection.receive({
          signal,
          timeoutMs: SILENCE_MS,
        });
        if (packet === null) break;
        const verdict = guard.judge();
        if (verdict === "cut") throw new Refusal("you send too much");
        if (verdict !== "pass") continue;
        if (packet.type === "hello") throw new Refusal("hello came twice");
        if (packet.type === "ping") {
          await connection.send({ type: "pong", sentAtMs: packet.sentAtMs });
        } else seat?.add(packet);
      }
      // Its end came in good order: it has left.
      if (seat !== undefined && seat.current === leave) this.#remove(seat);
    } catch (error) {
      if (seat !== undefined && seat.current === leave) {
        seat.lose(this.match.tick);
        if (error instanceof SocketError) this.#news(`${seat.name} is lost`);
      }
      throw error;
    } finally {
      this.#guests.delete(guest);
    }
  }

  #remove(seat: Seat): void {
    this.#seats.delete(seat.id);
    this.#names.delete(seat.name);
    this.match.remove(seat.id);
    this.#news(`${seat.name} left`);
  }

  #news(news: string): void {
    this.#options.onNews?.(news);
  }
}
