#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=shared,cert.pem,key.pem --allow-write=shared
/**
 * Serves a folder: clients put files into it and get files from it, and nothing else.
 *
 * @module
 */

import {
  BrokenError,
  ClosedError,
  serve,
  type Server,
  type Socket,
  UnexpectedEofError,
} from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  listenFlag,
  readFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { logDrain, logEnd } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { PendingError } from "../_pending_connections.ts";
import { visibleAddress, visibleText } from "../_safe_text.ts";
import { Folder } from "./folder.ts";
import { checkPaths, needs, rateFlag, reasonOf } from "./flags.ts";
import { serveClient } from "./serve_client.ts";
import { SlowTransferError, Transfers } from "./transfers.ts";

const HELP = `
Serves a folder to files/send, files/get and files/list. Ctrl-C lets transfers finish for
ten seconds; a second one cuts them off. What was cut off goes on where it stopped when it
is sent again.

Usage: deno task examples files/serve [DIR] [--listen ADDRESS] [--limit RATE]
                                            [--cert FILE --key FILE]

  DIR               the folder; shared by default. Another one must be allowed to Deno.
  --listen ADDRESS  where to listen; 127.0.0.1:8890 by default. Port 0 takes one
                    that is free. There is no password: who can connect can read
                    and write everything in DIR, but nothing else.
  --limit RATE      most bytes a second each way of each connection, such as 500K
                    or 10M; no limit by default
  --cert, --key     certificate and private key in PEM form, to speak TLS; cert.pem and
                    key.pem can be read, other files must be allowed to Deno
  --help            shows this text

Examples:
  deno task examples files/serve
  deno task examples files/serve --listen 127.0.0.1:8890 --cert cert.pem --key key.pem
`;

/** Errors that clients cause every day: a log could have thousands of lines of them. */
const ORDINARY_ERRORS = [
  BrokenError,
  UnexpectedEofError,
  PendingError,
  SlowTransferError,
];

const { flags, texts } = commandLine(HELP, {
  listen: "127.0.0.1:8890",
  limit: UNSET,
  cert: UNSET,
  key: UNSET,
}, { texts: true });
const address = listenFlag("listen", flags.listen);
const limit = rateFlag("limit", flags.limit);
checkPaths("serve", texts);
if (texts.length > 1) {
  stop(`Cannot serve: DIR must be one folder, got ${texts.length}`, 2);
}
if ((flags.cert === UNSET) !== (flags.key === UNSET)) {
  stop("Cannot speak TLS: --cert and --key must be given together", 2);
}

await run(async () => {
  const [dir = "shared"] = texts;
  await ensurePermissions(
    permissionsFor(address, { action: "listen" }),
    needs("serve", ["read", "write"], [dir]),
  );
  const tls = flags.cert === UNSET ? undefined : {
    cert: await readFlag("cert", flags.cert),
    key: await readFlag("key", flags.key),
  };
  const folder = await Folder.open(dir).catch((error) => {
    stop(`Cannot serve: ${reasonOf(error)}`);
  });
  await ensurePermissions(needs("serve", ["read", "write"], [folder.root]));
  const transfers = new Transfers({
    max: 150, // Each holds half a megabyte.
    maxPerAddress: 50,
    slowBytesPerSecond: Math.min(16 * 1024, limit / 4),
  });
  const start = () =>
    serve({
      ...address,
      tls,
      // The transfers, and the clients that have nothing under way: see `serve_client.ts`. With
      // TLS, others that are silent in their handshake.
      maxConnections: tls === undefined ? 320 : 600,
      handshakeTimeoutMs: 3_000,
      idleMs: 60_000,
      writeMs: 30_000,
      maxReadBytesPerSecond: limit,
      maxWriteBytesPerSecond: limit,
      drainOnSignals: true,
      shutdownTimeoutMs: 10_000,
      onEvent: logDrain,
      onError: report,
    }, (socket, { signal }) =>
      serveClient(socket, {
        folder,
        transfers,
        signal,
        onDone: (what) =>
          log(
            `${visibleAddress(socket.remoteAddr)} ${
              visibleText(what, Infinity)
            }`,
          ),
      }));
  const server = startWith(tls !== undefined, start);
  await server.ready;
  log(`serving ${visibleText(dir)} on ${visibleAddress(server.addr)}`);
  await logEnd(server);
});

/** Starts a server; a certificate that is none is one line. */
function startWith(certificate: boolean, start: () => Server): Server {
  try {
    return start();
  } catch (error) {
    if (certificate) stop(reasonOf(error));
    throw error;
  }
}

/** Prints what went wrong, but not that a client left, or was cut to make room. */
function report(error: unknown, { remoteAddr }: Socket): void {
  const reason = error instanceof ClosedError ? error.cause : error;
  if (ORDINARY_ERRORS.some((kind) => reason instanceof kind)) return;
  const why = reason instanceof Error ? reason.message : String(reason);
  complain(
    `${visibleAddress(remoteAddr)} was cut off: ${visibleText(why)}`,
  );
}
