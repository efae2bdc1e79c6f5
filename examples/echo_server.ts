#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=cert.pem,key.pem
/**
 * The first server of every tutorial: it sends back whatever it gets. Talk to it with
 * `echo_client.ts`, or with `nc 127.0.0.1 8888`.
 *
 * It holds against silent clients (a client that speaks gets in, however many do not),
 * against one address that wants all places, against clients that never read, and
 * against web pages that want their own bytes back. It does not hold against many
 * addresses.
 *
 * @module
 */

import { formatAddress, serve, type ServerEvent } from "@sluice/net";
import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import { commandLine, listenFlag, run } from "./_command_line.ts";
import { Front, FRONT_FLAGS, FRONT_HELP, FRONT_LISTS } from "./_front.ts";
import { looksLikeHttp } from "./_http.ts";
import { log } from "./_log.ts";
import { PendingConnections } from "./_pending_connections.ts";
import { visibleAddress } from "./_safe_text.ts";

const HELP = `
An echo server: sends back whatever it gets. Ctrl-C drains it.

Usage: deno task examples echo_server [--listen ADDRESS] [--proxy-protocol CIDR]
                                      [--cert FILE --key FILE]

  --listen ADDRESS  where to listen; 127.0.0.1:8888 by default. Port 0 takes one
                    that is free. What is not on 127.0.0.1, such as 0.0.0.0:8888
                    or unix:/tmp/echo.sock, must be allowed to Deno as well.
${FRONT_HELP}
  --help            shows this text

Examples:
  deno task examples echo_server
  deno task examples --allow-net=0.0.0.0:8888 echo_server --listen 0.0.0.0:8888
`;

const { flags, lists } = commandLine(
  HELP,
  { listen: "127.0.0.1:8888", ...FRONT_FLAGS },
  { lists: FRONT_LISTS },
);
const address = listenFlag("listen", flags.listen);
const front = new Front(flags, lists);

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  // A client that says nothing gives its place to one that does.
  const silent = new PendingConnections({ timeoutMs: 30_000, max: 40 });
  const server = await front.start((options) =>
    serve({
      ...address,
      ...options,
      maxConnections: 1_000,
      maxConnectionsPerAddress: 200, // One peer does not take all places.
      idleMs: 60_000, // Who says nothing for a minute has left.
      writeMs: 10_000, // Who sends and never reads does not hold us up for ever.
      drainOnSignals: true, // Ctrl-C lets them finish; a second one cuts them off.
      shutdownTimeoutMs: 3_000,
      onEvent: report,
    }, async (socket, { signal }) => {
      // When the server drains, our end tells the client to hang up.
      signal.addEventListener("abort", () => socket.closeWrite(), {
        signal: socket.signal, // One that has left is not told.
      });
      using pending = silent.add(socket);
      let isFirst = true;
      for await (const chunk of socket) {
        // A web page gets no echo of what it made a browser send.
        if (isFirst && looksLikeHttp(chunk)) return;
        isFirst = false;
        pending[Symbol.dispose]();
        await socket.write(chunk);
      }
    })
  );
  log(`listening on ${formatAddress(server.addr)}`);
  await server.closed;
  const { completed, aborted } = await server.shutdown();
  log(`drained: ${completed} finished, ${aborted} cut off`);
});

function report(event: ServerEvent): void {
  if (event.type === "accepted") {
    log(`${visibleAddress(event.socket.remoteAddr)} came`);
  }
  if (event.type === "closed") {
    const { remoteAddr, bytesRead, bytesWritten, durationMs } = event;
    log(
      `${visibleAddress(remoteAddr)} left: ${bytesRead} bytes in, ` +
        `${bytesWritten} out, ${durationMs} ms`,
    );
  }
}
