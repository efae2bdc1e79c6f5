/**
 * The echo itself: what `echo_server.ts` serves, in its own process or in those of workers.
 *
 * @module
 */

import {
  type BindOptions,
  serve,
  type Server,
  type ServerEvent,
} from "@sluice/net";
import { worker } from "@sluice/net/workers";
import { logDrain } from "./_drain.ts";
import { Front } from "./_front.ts";
import { looksLikeHttp } from "./_http.ts";
import { log } from "./_log.ts";
import { PendingConnections } from "./_pending_connections.ts";
import { visibleAddress } from "./_safe_text.ts";

/** What a worker runs, with what its supervisor was told. */
export default worker(({ acceptor }) => {
  const front = new Front(JSON.parse(Deno.args[0]));
  return echo({ acceptor }, front, { drainOnSignals: false });
});

/** Starts a server that sends back whatever it gets. */
export function echo(
  where: BindOptions,
  front: Front,
  { drainOnSignals }: { drainOnSignals: boolean },
): Promise<Server> {
  // A client that says nothing gives its place to one that does.
  const silent = new PendingConnections({ timeoutMs: 30_000, max: 40 });
  return front.start((options) =>
    serve({
      ...where,
      ...options,
      maxConnections: 1_000,
      maxConnectionsPerAddress: 200, // One peer does not take all places.
      idleMs: 60_000, // A client that says nothing for a minute has left.
      writeMs: 10_000, // A client that never reads is disconnected.
      drainOnSignals, // Ctrl-C lets them finish; a second one cuts them off.
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
}

function report(event: ServerEvent): void {
  logDrain(event);
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
