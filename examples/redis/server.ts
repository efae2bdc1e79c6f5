#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=cert.pem,key.pem
/**
 * A small Redis in memory, for `redis-cli`, `redis-benchmark` and Redis clients.
 *
 * @module
 */

import { serve, SocketError } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { logDrain, logEnd } from "../_drain.ts";
import { Front, FRONT_FLAGS, FRONT_HELP, FRONT_LISTS } from "../_front.ts";
import { complain, log } from "../_log.ts";
import { visibleAddress } from "../_safe_text.ts";
import { superviseWorkers, WORKERS_HELP, WORKERS_RANGE } from "../_workers.ts";
import { converse, IDLE_MS } from "./conversation.ts";
import { Database } from "./database.ts";
import { isFromWorker, SECRET_VARIABLE } from "./relay_worker.ts";

const HELP = `
A small Redis in memory, which Redis clients work with. Ctrl-C drains it.

Usage: deno task examples redis/server [--listen ADDRESS] [--password TEXT]
                                       [--memory MB] [--clients MB]
                                       [--proxy-protocol CIDR]
                                       [--cert FILE --key FILE] [--workers N]

  --listen ADDRESS  where to listen; 127.0.0.1:6379 by default. Port 0 takes one
                    that is free. What is not on 127.0.0.1 must be allowed to
                    Deno as well; give it a password.
  --password TEXT   what clients must say first (AUTH), none by default. Other users of
                    this machine may see it in the list of programs.
  --memory MB       most memory for keys and values, 1 to 2048; 64 by default
  --clients MB      most memory that all clients may hold beside it, 1 to 2048; 256 by
                    default. Above that the one that holds the most is cut off.
${FRONT_HELP}
${WORKERS_HELP}
  --help            shows this text

Examples:
  deno task examples redis/server
  deno task examples redis/server --listen 127.0.0.1:6380 --password secret
`;

const MEGABYTE = 1024 * 1024;
/** How often expired keys are dropped, and what clients hold is counted. */
const SWEEP_MS = 100;

const { flags, lists } = commandLine(HELP, {
  listen: "127.0.0.1:6379",
  password: UNSET,
  memory: "64",
  clients: "256",
  workers: "1",
  ...FRONT_FLAGS,
}, { lists: FRONT_LISTS });
const address = listenFlag("listen", flags.listen);
const SIZES = { least: 1, most: 2048 };
const front = new Front(
  { ...flags, trustedProxies: lists["proxy-protocol"] },
  (message) => stop(message, 2),
);
const workers = integerFlag("workers", flags.workers, WORKERS_RANGE);
const memory = integerFlag("memory", flags.memory, SIZES);
const clients = integerFlag("clients", flags.clients, SIZES);

const db = new Database({
  maxBytes: memory * MEGABYTE,
  maxClientBytes: clients * MEGABYTE,
  password: flags.password === UNSET ? undefined : flags.password,
});

const limits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1_000,
  maxBufferedBytes: 256 * 1024 * 1024,
  idleMs: IDLE_MS,
  writeMs: 10_000, // A client that asks and never reads does not hold its replies for ever.
  drainOnSignals: true, // Ctrl-C lets commands finish; a second one cuts them off.
  shutdownTimeoutMs: 3_000,
  onEvent: logDrain,
  onError(error: unknown) {
    // What a client did ends that client; `INFO` counts.
    if (!(error instanceof SocketError)) complain(error);
  },
};

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  const sweeping = setInterval(() => db.sweep(), SWEEP_MS);
  try {
    await (workers === 1 ? serveHere() : serveWorkers());
  } finally {
    clearInterval(sweeping);
  }
});

async function serveHere(): Promise<void> {
  const server = await front.start((options) =>
    serve(
      { ...address, ...options, ...limits },
      (socket, { signal }) => converse(socket, db, signal),
    )
  );
  await server.ready;
  log(`listening on ${visibleAddress(server.addr)}`);
  await logEnd(server);
}

/** The data stay here: the workers have the clients, and connect to this process for each. */
async function serveWorkers(): Promise<void> {
  const secret = crypto.randomUUID();
  await using data = serve({
    port: 0,
    proxyProtocol: { trustedProxies: ["127.0.0.1"], versions: [2] },
    ...limits,
  }, async (socket, { signal }) => {
    if (isFromWorker(socket, secret)) await converse(socket, db, signal);
  });
  const { port } = data.addr;
  await superviseWorkers(address, {
    module: import.meta.resolve("./relay_worker.ts"),
    workers,
    front,
    settings: { dataPort: port },
    permissions: [
      `--allow-net=127.0.0.1:${port}`,
      `--allow-env=${SECRET_VARIABLE}`,
    ],
    env: { [SECRET_VARIABLE]: secret },
  });
}
