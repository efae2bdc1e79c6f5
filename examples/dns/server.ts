#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=zone.txt
/**
 * Answers for the names of a zone file, over UDP and TCP.
 *
 * @module
 */

import {
  ensurePermissions,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import {
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { log } from "../_log.ts";
import { visibleText } from "../_safe_text.ts";
import { permissionToRead, whyUnreadable } from "../_unreadable.ts";
import sample from "./sample.zone" with { type: "text" };
import { listeningOn, serveDns } from "./serve_dns.ts";
import { Zone, ZoneError } from "./zone.ts";

const HELP = `
Answers for the names of a zone file, over UDP and TCP. It knows no other names, and asks
no other server. Ctrl-C ends it.

Usage: deno task examples dns/server [--listen ADDRESS] [--zone FILE] [--rate N]

  --listen ADDRESS  where to listen; 127.0.0.1:5301 by default. Port 0 takes one that is
                    free. For other machines it takes the whole of --allow-net.
  --zone FILE       the zone, with records of the types A, AAAA, CNAME, NS, SOA, MX, TXT,
                    SRV and PTR. zone.txt can be read, another file must be allowed to
                    Deno; by default it has the names of sluice.test, for trying
  --rate N          most answers a second over UDP to one address, 1 to 100000; 100 by
                    default
  --help            shows this text

Examples:
  deno task examples dns/server
  deno task examples dns/server --zone zone.txt
`;

/** More would not be a small zone. */
const MAX_ZONE_BYTES = 16 * 1024 * 1024;

const { flags } = commandLine(HELP, {
  listen: "127.0.0.1:5301",
  zone: UNSET,
  rate: "100",
});
const address = listenFlag("listen", flags.listen);
if ("path" in address) {
  stop(
    `Cannot listen: --listen must be a host and a port, got ${flags.listen}`,
    2,
  );
}
const rate = integerFlag("rate", flags.rate, { least: 1, most: 100_000 });

await run(async () => {
  const zone = await readZone(flags.zone);
  const isLocal = address.hostname === "127.0.0.1";
  await ensurePermissions(permissionsForDatagrams(
    address,
    isLocal ? { sendsTo: ["127.0.0.1"] } : { sendsAnywhere: true },
  ));
  const server = await serveDns({
    ...address,
    answersPerSecond: rate,
    answer: (question) => zone.answer(question),
  });
  log(`${listeningOn(server)}: ${zone.size} records of ${zone.name}`);
  await server.closed;
});

async function readZone(path: string): Promise<Zone> {
  if (path !== UNSET) {
    await ensurePermissions(permissionToRead(path));
  }
  try {
    return new Zone(path === UNSET ? sample : await readText(path));
  } catch (error) {
    const why = error instanceof ZoneError || error instanceof RangeError
      ? error.message
      : whyUnreadable(error, path);
    stop(visibleText(`Cannot use ${path} as --zone: ${why}`), 2);
  }
}

async function readText(path: string): Promise<string> {
  using file = await Deno.open(path);
  const { size, isFile } = await file.stat();
  if (!isFile || size > MAX_ZONE_BYTES) {
    throw new RangeError("it must be a file of at most 16 MiB");
  }
  return await new Response(file.readable).text();
}
