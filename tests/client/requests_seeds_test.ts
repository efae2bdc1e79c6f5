/**
 * Ten thousand requests with random cancels, breaks and late answers: an answer reaches the
 * request that it belongs to or none, and a request that was not sent never arrives.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  AbortError,
  BrokenError,
  BusyError,
  ClosedError,
  connect,
  framed,
  lines,
  serve,
  sleep,
  Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import { Requests } from "@sluice/net/client";
import { fakeClock, memoryNetwork } from "@sluice/net/testing";
import { type Random, seededRandom } from "../../lib/_random.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { turn } from "../_support/sockets.ts";
import { IDS } from "./_requests.ts";

const TOTAL = 10_000;
const CALLERS = 40;
/** So few ids that they are used again while late answers to them are on their way. */
const IDS_IN_USE = 150;

type Mode = "order" | "ids";

/** A request on the wire: `id token parts limited`. An answer: `id token part/parts`. */
interface Asked {
  id: string;
  token: string;
  parts: number;
  /** Whether its caller would wait for ever. */
  patient: boolean;
}

function parse(line: string): Asked {
  const [id, token, parts, patient] = line.split(" ");
  return { id, token, parts: Number(parts), patient: patient === "patient" };
}

const isLast = (line: string) => {
  const [part, parts] = line.split(" ")[2].split("/");
  return part === parts;
};

/** How answers are matched, what chance decides, and the longest pause, in milliseconds. */
interface World {
  mode: Mode;
  random: Random;
  pauseMs: number;
}

/** Answers late, in the mode's order, sometimes never, and breaks off sometimes. */
async function answer(
  socket: Socket,
  { mode, random, pauseMs }: World,
  seen: Set<string>,
): Promise<void> {
  const connection = framed(socket, lines());
  const asked: { request: Asked; part: number }[] = [];
  let ended = false;
  let wake = () => {};
  const reading = (async () => {
    try {
      for await (const line of connection) {
        const request = parse(line);
        seen.add(request.token);
        const never = mode === "ids" && !request.patient && random() < 0.02;
        if (!never) asked.push({ request, part: 0 });
        wake();
      }
    } catch {
      // The connection broke.
    }
    ended = true;
    wake();
  })();
  try {
    while (!ended) {
      if (asked.length === 0) {
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      if (random() < 0.1 / pauseMs) await sleep(1 + random() * pauseMs);
      if (random() < 0.002) {
        // In the middle of an answer, and with a reset or without one.
        await socket.write("7 half an ans");
        if (random() < 0.5) socket.abort();
        else await socket.close();
        break;
      }
      const at = mode === "order" ? 0 : Math.floor(random() * asked.length);
      const { request: { id, token, parts }, part } = asked[at];
      await connection.send(`${id} ${token} ${part + 1}/${parts}`);
      if (++asked[at].part === parts) asked.splice(at, 1);
    }
  } catch {
    // The connection broke.
  }
  socket.abort();
  await reading;
}

/** What became of the requests. */
class Tally {
  answers = 0;
  streams = 0;
  leftStreams = 0;
  timeouts = 0;
  aborts = 0;
  breaks = 0;
  busy = 0;
}

interface Connection {
  requests: Requests<string, string>;
  /** What its server got. */
  seen: Set<string>;
}

/** Runs {@linkcode TOTAL} requests over connections that `open` makes. */
async function ask(
  { mode, random, pauseMs }: World,
  open: (seen: Set<string>) => Promise<Socket>,
): Promise<Tally> {
  const tally = new Tally();
  let count = 0;
  const make = async (): Promise<Connection> => {
    const seen = new Set<string>();
    const requests = new Requests(framed(await open(seen), lines()), {
      ...(mode === "order" ? { match: "order" } : IDS),
      maxInFlight: 25,
    });
    return { requests, seen };
  };
  let current = make();
  const unsent: [string, Set<string>][] = [];

  const askOnce = async (): Promise<void> => {
    const connecting = current;
    const { requests, seen } = await connecting;
    const id = count % IDS_IN_USE;
    const token = `t${count++}`;
    const parts = random() < 0.2 ? 1 + Math.floor(random() * 30) : 1;
    const how = random();
    const limits = how < 0.2
      ? { timeoutMs: 1 + Math.floor(random() * pauseMs) }
      : how < 0.4
      ? { signal: abortWithin(pauseMs, random) }
      : undefined;
    const frame = `${id} ${token} ${parts} ${
      limits === undefined && mode === "order" ? "patient" : "limited"
    }`;
    const options = mode === "ids" && limits === undefined
      ? { timeoutMs: 5_000 }
      : limits;
    try {
      if (parts === 1) {
        const got = await requests.request(frame, options);
        assertEquals(got, `${id} ${token} 1/1`);
        tally.answers++;
      } else {
        const leaveAt = random() < 0.3 ? Math.floor(random() * parts) : -1;
        let part = 0;
        const stream = requests.stream(frame, {
          isLast,
          maxUnread: 4,
          ...options,
        });
        for await (const got of stream) {
          assertEquals(got, `${id} ${token} ${++part}/${parts}`);
          if (random() < 0.1 / pauseMs) await sleep(1 + random() * pauseMs);
          if (part === leaveAt) break;
        }
        if (part === leaveAt) tally.leftStreams++;
        else assertEquals(part, parts);
        tally.streams++;
      }
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      assertEquals(typeof error.sent, "boolean", `${error}`);
      if (error.sent === false) unsent.push([token, seen]);
      if (error instanceof TimeoutError) tally.timeouts++;
      else if (error instanceof AbortError) tally.aborts++;
      else if (error instanceof BusyError) tally.busy++;
      else {
        assert(error instanceof BrokenError || error instanceof ClosedError);
        assert(error.cause instanceof SocketError);
        tally.breaks++;
        if (current === connecting) current = make();
      }
    }
  };

  const caller = async (): Promise<void> => {
    while (count < TOTAL) await askOnce();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const { requests } = await current;
  requests.abort();
  assertEquals([requests.stats.inFlight, requests.stats.waiting], [0, 0]);
  await turn();
  for (const [token, seen] of unsent) {
    assert(!seen.has(token), `${token} arrived and was said not to be sent`);
  }
  return tally;
}

function abortWithin(ms: number, random: Random): AbortSignal {
  const controller = new AbortController();
  sleep(1 + Math.floor(random() * ms)).then(() => controller.abort("enough"));
  return controller.signal;
}

/** That it was a test at all. */
function checkTally(mode: Mode, tally: Tally): void {
  assertGreater(tally.answers, TOTAL / 4);
  assertGreater(tally.streams, TOTAL / 50);
  assertGreater(tally.leftStreams, TOTAL / 500);
  assertGreater(tally.timeouts, TOTAL / 200);
  assertGreater(tally.aborts, TOTAL / 200);
  assertGreater(tally.breaks, 10);
  if (mode === "ids") assertGreater(tally.busy, 0);
}

/** Lets the time of a fake clock pass until a promise has settled. */
async function runToEnd<T>(
  clock: { advance(ms: number): Promise<void> },
  promise: Promise<T>,
): Promise<T> {
  let over = false;
  promise.then(() => over = true, () => over = true);
  while (!over) await clock.advance(2);
  return await promise;
}

for (const mode of ["order", "ids"] as const) {
  for (const seed of [1, 2, 3]) {
    Deno.test(
      `Requests gives no request the answer to another, over memory (${mode}, seed ${seed})`,
      {
        timeout: 60_000,
      },
      async () => {
        using clock = fakeClock();
        const world = { mode, random: seededRandom(seed), pauseMs: 5 };
        const serving: Promise<void>[] = [];
        let pairs = 0;
        const tally = await runToEnd(
          clock,
          ask(world, (seen) => {
            const [near, far] = memoryTransportPair({ seed: seed + ++pairs });
            serving.push(answer(new Socket(far), world, seen));
            return Promise.resolve(new Socket(near));
          }),
        );
        await runToEnd(clock, Promise.all(serving));
        checkTally(mode, tally);
      },
    );
  }

  Deno.test(
    `Requests gives no request the answer to another, over a network with latency and resets (${mode})`,
    {
      timeout: 60_000,
    },
    async () => {
      using clock = fakeClock();
      const world = { mode, random: seededRandom(4), pauseMs: 20 };
      using network = memoryNetwork({
        seed: 4,
        latencyMs: 3,
        jitterMs: 5,
        resetRate: 0.0005,
      });
      let seenNext = new Set<string>();
      const server = network.serve({ name: "server" }, async (socket) => {
        await answer(socket, world, seenNext);
      });
      const tally = await runToEnd(
        clock,
        ask(world, (seen) => {
          seenNext = seen;
          return network.connect({ name: "server" });
        }),
      );
      await runToEnd(clock, server.shutdown({ timeoutMs: 100 }));
      checkTally(mode, tally);
    },
  );

  Deno.test(
    `Requests gives no request the answer to another, over TCP (${mode})`,
    {
      timeout: 60_000,
    },
    async () => {
      const world = { mode, random: seededRandom(5), pauseMs: 4 };
      let seenNext = new Set<string>();
      await using server = serve({ port: 0 }, async (socket) => {
        await answer(socket, world, seenNext);
      });
      const { port } = server.addr;
      const tally = await ask(world, (seen) => {
        seenNext = seen;
        return connect({ port });
      });
      await sleep(100);
      checkTally(mode, tally);
    },
  );
}
