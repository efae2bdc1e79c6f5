#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The server of a game for several players in the terminal. It alone decides what
 * happens, at a fixed tick.
 *
 * @module
 */

import {
  ClosedError,
  interval,
  serve,
  type Socket,
  SocketError,
} from "@sluice/net";
import { datagram } from "@sluice/net/datagram";
import {
  ensurePermissions,
  permissionsFor,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
} from "../_command_line.ts";
import { logDrain, logEnd } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { PendingError } from "../_pending_connections.ts";
import { visibleAddress, visibleText } from "../_safe_text.ts";
import { serveGameDatagrams } from "./datagram_server.ts";
import { Host } from "./host.ts";
import { MOST_PLAYERS } from "./match.ts";

const HELP = `
The server of Gems: the first to collect enough gems wins. Ctrl-C ends it.

Usage: deno task examples game/server [--listen ADDRESS] [--goal N] [--players N]
                                      [--seed N] [--tick MS] [--per-address N] [--udp]

  --listen ADDRESS  where to listen; 127.0.0.1:7100 by default. Port 0 takes one
                    that is free. What is not on 127.0.0.1 must be allowed to
                    Deno as well.
  --goal N          gems to win, 1 to 200; 10 by default
  --players N       players that it takes to begin, 1 to ${MOST_PLAYERS}; 1 by default
  --seed N          chooses walls and gems, 0 to 4294967295; by chance by default
  --tick MS         pace, 10 to 1000 milliseconds; 100 by default
  --per-address N   players of one address, 1 to ${MOST_PLAYERS}; 4 by default
  --udp             takes players over UDP, too, at the same port
  --help            shows this text

Examples:
  deno task examples game/server
  deno task examples game/server --players 2 --goal 20
  deno task examples game/server --udp
`;

const anySeed = crypto.getRandomValues(new Uint32Array(1))[0];
const { flags, switches } = commandLine(HELP, {
  listen: "127.0.0.1:7100",
  goal: "10",
  players: "1",
  seed: String(anySeed),
  tick: "100",
  "per-address": "4",
}, { switches: ["udp"] });
const address = listenFlag("listen", flags.listen);
if (switches.udp && "path" in address) {
  stop(
    `Cannot listen: --listen must be a host and a port for --udp, got ${flags.listen}`,
    2,
  );
}
const options = {
  goal: integerFlag("goal", flags.goal, { least: 1, most: 200 }),
  least: integerFlag("players", flags.players, {
    least: 1,
    most: MOST_PLAYERS,
  }),
  seed: integerFlag("seed", flags.seed, { least: 0, most: 2 ** 32 - 1 }),
  tickMs: integerFlag("tick", flags.tick, { least: 10, most: 1_000 }),
  playersPerAddress: integerFlag("per-address", flags["per-address"], {
    least: 1,
    most: MOST_PLAYERS,
  }),
  onNews: log,
};

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  if (switches.udp && "port" in address) {
    const isLocal = address.hostname === "127.0.0.1";
    await ensurePermissions(permissionsForDatagrams(
      address,
      isLocal ? { sendsTo: ["127.0.0.1"] } : { sendsAnywhere: true },
    ));
  }
  const host = new Host(options);
  const server = serve({
    ...address,
    maxConnections: 128,
    maxConnectionsPerAddress: 80,
    onLimit: "reject",
    writeMs: 5_000, // Takes no snapshot for so long: gone.
    highWaterMarkBytes: 1_024, // What is old is worth nothing: keep little.
    maxReadBytesPerSecond: 16 * 1_024, // A player needs a hundredth of it.
    closeTimeoutMs: 500,
    drainOnSignals: true,
    shutdownTimeoutMs: 2_000,
    onEvent: logDrain,
    onError: report,
  }, (socket, context) => host.handle(socket, context));
  await server.ready;
  log(`listening on ${visibleAddress(server.addr)}`);
  log(`seed ${options.seed}, first to ${options.goal} gems`);

  const end = new AbortController();
  const { addr } = server;
  const overUdp = switches.udp && "hostname" in addr
    ? serveGameDatagrams(
      await datagram({ hostname: addr.hostname, port: addr.port }),
      {
        handle: (connection, context) => host.handle(connection, context),
        signal: end.signal,
        onError: report,
      },
    )
    : Promise.resolve();
  server.closed.then(() => end.abort());
  try {
    for await (const _ of interval(options.tickMs, { signal: end.signal })) {
      host.tick();
    }
  } catch (error) {
    if (!end.signal.aborted) throw error;
  }
  await overUdp;
  await logEnd(server);
});

/** A client that broke off or was silent is one line; a bug is more. */
function report(
  error: unknown,
  { remoteAddr }: Pick<Socket, "remoteAddr">,
): void {
  if (error instanceof ClosedError) return; // Its player came back on another one.
  if (error instanceof PendingError) return; // It never said hello.
  const why = error instanceof SocketError ? visibleText(error.message) : error;
  complain(`${visibleAddress(remoteAddr)} was lost:`, why);
}
