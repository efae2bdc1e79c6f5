#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=. --allow-write=.
/**
 * Serves a folder: clients put files into it and get files from it, and nothing else.
 *
 * @module
 */

import { BrokenError, formatAddress, serve } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { commandLine, listenFlag, run, stop } from "../_command_line.ts";
import { Folder } from "./folder.ts";
import { fileFlag, needs, rateFlag, reasonOf } from "./flags.ts";
import { printable } from "./peer.ts";
import { serveClient } from "./serve_client.ts";

const HELP = `
Serves a folder: files are put into it with send.ts, got from it with get.ts and
listed with list.ts. Ctrl-C lets transfers finish for ten seconds; a second one cuts
them off. What was cut off goes on where it stopped when it is sent again.

Usage: deno task examples files/serve DIR [--listen ADDRESS] [--limit RATE]
                                          [--cert FILE --key FILE]

  DIR               the folder; it must be in the current one, or allowed to Deno
  --listen ADDRESS  where to listen; 127.0.0.1:8890 by default. Port 0 takes one
                    that is free. There is no password: who can connect can read
                    and write everything in DIR, but nothing else.
  --limit RATE      most bytes a second each way of each connection, such as 500K
                    or 10M; no limit by default
  --cert, --key     certificate and private key in PEM form, to speak TLS
  --help            shows this text
`;

const { flags, texts } = commandLine(HELP, {
  listen: "127.0.0.1:8890",
  limit: "none",
  cert: "none",
  key: "none",
}, { texts: true });
const address = listenFlag("listen", flags.listen);
const limit = rateFlag("limit", flags.limit);
if (texts.length !== 1) {
  stop(
    `Cannot run as DIR must be one folder: current value is ${texts.length}`,
    2,
  );
}
if ((flags.cert === "none") !== (flags.key === "none")) {
  stop("Cannot speak TLS as --cert and --key must be given together", 2);
}

await run(async () => {
  const [dir] = texts;
  await ensurePermissions(
    permissionsFor(address, { action: "listen" }),
    needs("serve", ["read", "write"], [dir]),
  );
  const tls = flags.cert === "none" ? undefined : {
    cert: await fileFlag("cert", flags.cert),
    key: await fileFlag("key", flags.key),
  };
  const folder = await Folder.open(dir).catch((error) => {
    stop(`Cannot serve: ${reasonOf(error)}`);
  });
  const server = serve({
    ...address,
    ...("path" in address ? {} : { tls }),
    maxConnections: 200, // Each holds half a megabyte while a file is under way.
    idleMs: 120_000,
    writeMs: 30_000,
    maxReadBytesPerSecond: limit,
    maxWriteBytesPerSecond: limit,
    drainOnSignals: true,
    shutdownTimeoutMs: 10_000,
    onError(error, { remoteAddr }) {
      const why = error instanceof Error ? error.message : String(error);
      // A client that was cut off comes back.
      if (!(error instanceof BrokenError)) {
        console.error(`${formatAddress(remoteAddr)} was cut off: ${why}`);
      }
    },
  }, (socket, { signal }) =>
    serveClient(socket, folder, {
      signal,
      onDone: (what) =>
        console.log(`${formatAddress(socket.remoteAddr)} ${printable(what)}`),
    }));
  console.log(`serving ${dir} on ${formatAddress(server.addr)}`);
  await server.closed;
  const { completed, aborted } = await server.shutdown();
  console.log(`drained: ${completed} finished, ${aborted} cut off`);
});
