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

import { ensurePermissions, permissionsFor } from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
} from "./_command_line.ts";
import { echo } from "./_echo.ts";
import { logEnd } from "./_drain.ts";
import { Front, FRONT_FLAGS, FRONT_HELP, FRONT_LISTS } from "./_front.ts";
import { log } from "./_log.ts";
import { visibleAddress } from "./_safe_text.ts";
import { superviseWorkers, WORKERS_HELP, WORKERS_RANGE } from "./_workers.ts";

const HELP = `
An echo server: sends back whatever it gets. Ctrl-C drains it.

Usage: deno task examples echo_server [--listen ADDRESS] [--proxy-protocol CIDR]
                                      [--cert FILE --key FILE] [--workers N]

  --listen ADDRESS  where to listen; 127.0.0.1:8888 by default. Port 0 takes one
                    that is free. What is not on 127.0.0.1, such as 0.0.0.0:8888
                    or unix:/tmp/echo.sock, must be allowed to Deno as well.
${FRONT_HELP}
${WORKERS_HELP}
  --help            shows this text

Examples:
  deno task examples echo_server
  deno task examples --allow-net=0.0.0.0:8888 echo_server --listen 0.0.0.0:8888
`;

const { flags, lists } = commandLine(
  HELP,
  { listen: "127.0.0.1:8888", workers: "1", ...FRONT_FLAGS },
  { lists: FRONT_LISTS },
);
const address = listenFlag("listen", flags.listen);
const workers = integerFlag("workers", flags.workers, WORKERS_RANGE);
const front = new Front(
  { ...flags, trustedProxies: lists["proxy-protocol"] },
  (message) => stop(message, 2),
);

await run(async () => {
  await ensurePermissions(permissionsFor(address, { action: "listen" }));
  if (workers > 1) {
    const module = import.meta.resolve("./_echo.ts");
    return await superviseWorkers(address, { module, workers, front });
  }
  const server = await echo(address, front, { drainOnSignals: true });
  await server.ready;
  log(`listening on ${visibleAddress(server.addr)}`);
  await logEnd(server);
});
