/**
 * A whole match over a simulated network, on a simulated clock: a minute of play takes
 * no time, and the same seed gives the same match.
 *
 * @module
 */

import { interval } from "@sluice/net";
import { datagram } from "@sluice/net/datagram";
import { fakeClock, memoryNetwork } from "@sluice/net/testing";
import type { Heading, Point } from "./arena.ts";
import { headingToGem } from "./bot_brain.ts";
import { connectGameDatagrams } from "./datagram_client.ts";
import { serveGameDatagrams } from "./datagram_server.ts";
import { Host } from "./host.ts";
import { Random } from "./random.ts";
import { Session } from "./session.ts";

/** What the network does to the players. */
export interface Weather {
  /** Milliseconds that bytes travel, one way. */
  latencyMs: number;
  /** Most milliseconds more, by chance. */
  jitterMs?: number;
  /**
   * Chance, each tenth of a second, that a segment is lost. TCP sends it again, and
   * holds back what comes behind it: loss looks like a pause.
   */
  lossRate?: number;
  /**
   * Plays over UDP, where the loss is a chance of each datagram, and holds back nothing.
   *
   * @default {false}
   */
  udp?: boolean;
  /** Every connection breaks this often. */
  resetEveryMs?: number;
}

/** One tick of the first player. */
export interface Moment {
  /** Where the player's own screen shows it. */
  readonly shown: Point;
  /** Where the server has it. */
  readonly server: Point;
  /** Where the screen would show it without prediction. */
  readonly confirmed: Point;
}

/** What became of a match. */
export interface Report {
  /** Who won; `undefined` if time was up. */
  readonly winner: string | undefined;
  /** Gems of each player. */
  readonly gems: Record<string, number>;
  /** Length of the match, in ticks. */
  readonly ticks: number;
  /** Moves of the first player. */
  readonly moves: number;
  /** From a move to the server's word on it, in milliseconds: the median. */
  readonly confirmedAfterMs: number;
  /** The same for the move that waited longest. */
  readonly slowestMs: number;
  /** Longest without a newer state of the world, in milliseconds. */
  readonly longestPauseMs: number;
  /** How often the server knew better than the prediction. */
  readonly corrections: number;
  /** Connections after the first one. */
  readonly reconnects: number;
  /** The first player, tick by tick. */
  readonly moments: readonly Moment[];
}

const TICK_MS = 100;
const GOAL = 20;
const LONGEST_MS = 180_000;
const UDP_PORT = 7_100;
/** Until TCP sends again what was not acknowledged: at least this much more. */
const RETRANSMISSION_MS = 200;

/** Lets two bots play one match. */
export async function simulate(
  seed: number,
  weather: Weather,
): Promise<Report> {
  using clock = fakeClock();
  using network = memoryNetwork({
    seed,
    latencyMs: weather.latencyMs,
    jitterMs: weather.jitterMs,
    // To TCP it is what is done below; only datagrams are lost one by one.
    lossRate: weather.udp ? weather.lossRate : undefined,
  });
  const host = new Host({ seed, goal: GOAL, least: 2, tickMs: TICK_MS });
  const { udp = false } = weather;
  const server = network.serve(
    { name: "game", onError: () => {} }, // What breaks is meant to.
    (socket, context) => host.handle(socket, context),
  );
  const end = new AbortController();
  const { signal } = end;
  const overUdp = udp
    ? serveGameDatagrams(
      await datagram({
        port: UDP_PORT,
        backend: network.datagrams({ from: "game" }),
      }),
      {
        handle: (connection, context) => host.handle(connection, context),
        signal,
        onError: () => {},
      },
    )
    : Promise.resolve();
  const ann = new Recorder();
  const names = ["ann", "bob"];
  const sessions = names.map((name, index) =>
    new Session({
      name,
      dial: (signal) =>
        udp
          ? connectGameDatagrams({
            hostname: "game",
            port: UDP_PORT,
            signal,
            backend: network.datagrams(),
          })
          : network.connect({ name: "game", signal }),
      onSnapshot: index === 0 ? () => ann.confirm() : undefined,
    })
  );
  ann.session = sessions[0];
  const tasks = [
    runTicks(host, signal, () => ann.record(host)),
    ...sessions.map((session) =>
      session.play(() => {
        if (session === ann.session) ann.beat();
        return decide(session);
      }, signal)
    ),
  ];

  const chance = new Random(seed);
  let healAtMs = Infinity;
  while (host.match.phase !== "over" && clock.nowMs < LONGEST_MS) {
    await clock.advance(TICK_MS);
    const { lossRate = 0, resetEveryMs = Infinity, latencyMs } = weather;
    if (clock.nowMs >= healAtMs) {
      network.heal();
      healAtMs = Infinity;
    } else if (
      !udp && healAtMs === Infinity && chance.below(1_000) < lossRate * 1_000
    ) {
      network.partition();
      healAtMs = clock.nowMs + RETRANSMISSION_MS + 2 * latencyMs;
    }
    if (clock.nowMs % resetEveryMs === 0) network.reset();
  }
  const { tick, winner, players } = host.match;
  const gems = [...players.values()].map(({ name, gems }) => [name, gems]);
  network.heal();
  end.abort();
  const over = Promise.allSettled([...tasks, server.shutdown(), overUdp]);
  await clock.advance(20_000);
  await over;
  return {
    winner: players.get(winner)?.name,
    gems: Object.fromEntries(gems),
    ticks: tick,
    reconnects: sessions[0].reconnects,
    corrections: sessions[0].corrections,
    ...ann.report(),
  };
}

function decide({ arena, at, gems, others }: Session): Heading {
  return headingToGem(arena, at, gems, others);
}

async function runTicks(
  host: Host,
  signal: AbortSignal,
  onTick: () => void,
): Promise<void> {
  for await (const _ of interval(TICK_MS, { signal })) {
    host.tick();
    onTick();
  }
}

/** Writes down what one player saw, and when. */
class Recorder {
  session!: Session;
  readonly #madeAt: number[] = [];
  readonly #delays: number[] = [];
  readonly #moments: Moment[] = [];
  #beatAt = 0;
  #seenAt: number | undefined;
  #longestPauseMs = 0;

  /** A beat begins. */
  beat(): void {
    this.#noteMoves();
    this.#beatAt = performance.now();
  }

  /** Moves that the last beat has made. */
  #noteMoves(): void {
    while (this.#madeAt.length < this.session.moves) {
      this.#madeAt.push(this.#beatAt);
    }
  }

  /** A snapshot has come. */
  confirm(): void {
    this.#noteMoves();
    const now = performance.now();
    const pauseMs = now - (this.#seenAt ?? now);
    this.#longestPauseMs = Math.max(this.#longestPauseMs, pauseMs);
    this.#seenAt = now;
    const { acked } = this.session.snapshot!;
    while (this.#delays.length < acked) {
      const madeAt = this.#madeAt[this.#delays.length];
      this.#delays.push(now - madeAt);
    }
  }

  /** A tick is over. */
  record(host: Host): void {
    const { me, at, id } = this.session;
    const server = host.match.players.get(id);
    if (me === undefined || server === undefined) return;
    if (host.match.phase !== "running") return;
    this.#moments.push({ shown: at, server: { ...server }, confirmed: me });
  }

  report(): Pick<
    Report,
    "moves" | "confirmedAfterMs" | "slowestMs" | "longestPauseMs" | "moments"
  > {
    const sorted = this.#delays.toSorted((a, b) => a - b);
    return {
      moves: this.session.moves,
      confirmedAfterMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
      slowestMs: sorted.at(-1) ?? 0,
      longestPauseMs: this.#longestPauseMs,
      moments: this.#moments,
    };
  }
}
