#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A chat server: rooms, names, history and private messages, as plain lines of text.
 * Talk to it with `client.ts`, or with `nc 127.0.0.1 7000`.
 *
 * @module
 */

import { isIP } from "node:net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { supervise } from "@sluice/net/workers";
import {
  addressFlag,
  commandLine,
  integerFlag,
  listenFlag,
  pemFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { logDrain, logEnd } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { visibleAddress } from "../_safe_text.ts";
import { whyEnded } from "../_workers.ts";
import { type ChatSettings, MAX_CONNECTIONS, startChat } from "./service.ts";

const HELP = `
A chat server with rooms, where slow readers slow no others. Ctrl-C drains it.

Usage: deno task examples [PERMISSION...] chat/server
         [--listen ADDRESS] [--rate N] [--queue N] [--slow POLICY] [--history N]
         [--per-address N] [--cert FILE --key FILE] [--trusted-proxy CIDR]...
         [--workers N] [--nats ADDRESS]

  --listen ADDRESS      where to listen; 127.0.0.1:7000 by default. Port 0 takes
                        one that is free. What is not on 127.0.0.1 must be allowed
                        to Deno as well.
  --rate N              lines a second that one client may send, 1 to 100000; 5 by
                        default. Twice as many pass at once after a pause.
  --queue N             lines that wait for a slow reader, 100 to 100000; 500 by
                        default
  --slow POLICY         what happens to a reader that is slower: "drop" (the
                        default) leaves out the oldest lines, "disconnect" ends
                        the connection
  --history N           lines that a room remembers, 0 to 50; 20 by default
  --per-address N       connections of one address, 1 to 1000; 100 by default
  --cert FILE           speaks TLS, with this certificate; none by default. Needs
                        --allow-read for the file.
  --key FILE            the key of the certificate, for which the same holds; none
                        by default
  --trusted-proxy CIDR  a proxy in front of the server, or several of them, which
                        must say by PROXY protocol where each client is; none by
                        default. Can be given several times.
  --workers N           processes that share the port, up to 64; 0, the default,
                        for none but this one. Needs --allow-run and --allow-env.
  --nats ADDRESS        a NATS server, such as 127.0.0.1:4222, over which the
                        servers of one chat talk; none by default. Needs --allow-net
                        for it.
  --help                shows this text

Examples:
  deno task examples chat/server
  deno task examples chat/server --listen 127.0.0.1:7001 --slow disconnect
  deno task examples --allow-net=0.0.0.0:7000 chat/server --listen 0.0.0.0:7000
  deno task examples --allow-run --allow-env chat/server --workers 4
  deno task examples chat/server --nats 127.0.0.1:4222 --trusted-proxy 127.0.0.1
  deno task examples --allow-read=cert.pem,key.pem chat/server \\
    --cert cert.pem --key key.pem
`;

const { flags, lists } = commandLine(HELP, {
  listen: "127.0.0.1:7000",
  rate: "5",
  queue: "500",
  slow: "drop",
  history: "20",
  "per-address": "100",
  cert: UNSET,
  key: UNSET,
  workers: "0",
  nats: UNSET,
}, { lists: ["trusted-proxy"] });
const address = listenFlag("listen", flags.listen);
const tls = tlsFlags();
const nats = natsFlag(flags.nats);
const settings: ChatSettings = {
  rate: integerFlag("rate", flags.rate, { least: 1, most: 100_000 }),
  mostLines: integerFlag("queue", flags.queue, {
    least: 100, // Help and history must fit.
    most: 100_000,
  }),
  slow: policyFlag(flags.slow),
  history: integerFlag("history", flags.history, { least: 0, most: 50 }),
  perAddress: integerFlag("per-address", flags["per-address"], {
    least: 1,
    most: MAX_CONNECTIONS,
  }),
  trustedProxies: lists["trusted-proxy"].map(proxyFlag),
  tls,
  nats,
};
const workers = integerFlag("workers", flags.workers, { least: 0, most: 64 });

function tlsFlags(): ChatSettings["tls"] {
  const { cert, key } = flags;
  if (cert === UNSET && key === UNSET) return undefined;
  if (cert === UNSET || key === UNSET) {
    stop("Cannot run: --cert must come with --key, and --key with --cert", 2);
  }
  return { certFile: cert, keyFile: key };
}

function proxyFlag(value: string): string {
  const [address, bits, ...rest] = value.split("/");
  const most = isIP(address) === 6 ? 128 : isIP(address) === 4 ? 32 : 0;
  const isRange = bits === undefined || /^\d+$/.test(bits) && +bits <= most;
  if (value === "unix:" || most > 0 && isRange && rest.length === 0) {
    return value;
  }
  stop(
    `Cannot run: --trusted-proxy must be an address or a range, such as ` +
      `10.0.0.0/8, or unix:, got ${value}`,
    2,
  );
}

function natsFlag(value: string): ChatSettings["nats"] {
  if (value === UNSET) return undefined;
  const where = addressFlag("nats", value.replace(/^nats:\/\//, ""));
  if ("path" in where || "tls" in where) {
    stop(`Cannot run: --nats must be a host and a port, got ${value}`, 2);
  }
  return { hostname: where.hostname, port: where.port };
}

function policyFlag(value: string): ChatSettings["slow"] {
  if (value === "drop" || value === "disconnect") return value;
  stop(
    `Cannot run: --slow must be drop or disconnect, got ${value}`,
    2,
  );
}

await run(workers === 0 ? runAlone : runWorkers);

/** Ctrl-C says good-bye to all; a second one does not. */
async function runAlone(): Promise<void> {
  await checkPermissions();
  const server = await startChat(address, settings, { drainOnSignals: true });
  await server.ready;
  log(`listening on ${visibleAddress(server.addr)}`);
  await logEnd(server);
}

/** What is missing is said before anything is opened. */
async function checkPermissions(): Promise<void> {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  if (nats !== undefined) {
    await ensurePermissions(permissionsFor(nats, { action: "connect" }));
  }
  if (tls === undefined) return;
  await pemFlag("cert", tls.certFile, "CERTIFICATE");
  await pemFlag("key", tls.keyFile, "PRIVATE KEY");
}

/** One process for each core; this one starts them, and starts those again that die. */
async function runWorkers(): Promise<void> {
  if ("path" in address) {
    stop("Cannot run: --workers must come with a port, got a path", 2);
  }
  await checkPermissions();
  // They get the listening socket as it is, and may open no other.
  const permissions = [
    ...nats ? permissionsFor(nats, { action: "connect" }).flags : [],
    ...tls ? [`--allow-read=${tls.certFile},${tls.keyFile}`] : [],
  ];
  let isDraining = false;
  await using group = await supervise({
    module: import.meta.resolve("./worker.ts"),
    workers,
    ...address,
    permissions,
    args: [JSON.stringify(settings)],
    drainOnSignals: true,
    shutdownTimeoutMs: 5_000,
    onEvent: (event) => {
      logDrain(event);
      if (event.type === "drain") isDraining = true;
      if (event.type === "worker-ended" && !isDraining) {
        complain(`worker ${event.index} was lost: ${whyEnded(event)}`);
      }
    },
  });
  // Ctrl-C may have come while they started: then nothing listens.
  if (!isDraining) {
    log(`listening on ${visibleAddress(group.addr)} with ${workers} workers`);
  }
  await logEnd(group);
}
