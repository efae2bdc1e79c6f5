#!/usr/bin/env -S deno run --allow-net=127.0.0.1,localhost
/**
 * A caching DNS resolver, over UDP and TCP.
 *
 * @module
 */

import { formatAddress } from "@sluice/net";
import {
  ensurePermissions,
  permissionsFor,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import {
  addressFlag,
  commandLine,
  integerFlag,
  listenFlag,
  run,
  stop,
  UNSET,
} from "../_command_line.ts";
import { log } from "../_log.ts";
import { RCODES } from "./message.ts";
import { Networks } from "./networks.ts";
import { Resolver } from "./resolve.ts";
import { listeningOn, serveDns } from "./serve_dns.ts";

const HELP = `
A caching DNS resolver, over UDP and TCP. It asks another resolver, and keeps the answers
as long as they say, also that there is none. Ctrl-C ends it.

Usage: deno task examples dns/resolver [--listen ADDRESS] [--upstream ADDRESS]
                                       [--allow NETWORKS] [--cache SIZE] [--rate N]

  --listen ADDRESS    where to listen; 127.0.0.1:5300 by default. Port 0 takes one that is
                      free. For other machines it takes the whole of --allow-net.
  --upstream ADDRESS  the resolver or server that is asked; 127.0.0.1:5301 by default,
                      which is dns/server
  --allow NETWORKS    who may ask beside this machine, such as 192.168.0.0/16,fd00::/8;
                      none by default
  --cache SIZE        most megabytes of answers that are kept, 1 to 1024; 8 by default
  --rate N            most answers a second over UDP to one address, 1 to 100000; 1000 by
                      default
  --help              shows this text

Examples:
  deno task examples dns/resolver
  deno task examples --allow-net dns/resolver --upstream 9.9.9.9:53
`;

const { flags } = commandLine(HELP, {
  listen: "127.0.0.1:5300",
  upstream: "127.0.0.1:5301",
  allow: UNSET,
  cache: "8",
  rate: "1000",
});
const address = listenFlag("listen", flags.listen);
if ("path" in address) {
  stop(
    `Cannot listen: --listen must be a host and a port, got ${flags.listen}`,
    2,
  );
}
const upstream = addressFlag("upstream", flags.upstream);
if ("path" in upstream || "tls" in upstream || upstream.port === 0) {
  stop(
    `Cannot ask: --upstream must be a host and a port, got ${flags.upstream}`,
    2,
  );
}
const cacheMegabytes = integerFlag("cache", flags.cache, {
  least: 1,
  most: 1_024,
});
const rate = integerFlag("rate", flags.rate, { least: 1, most: 100_000 });
const allowed = networksFlag(flags.allow);

await run(async () => {
  const isLocal = address.hostname === "127.0.0.1";
  await ensurePermissions(permissionsForDatagrams(
    address,
    isLocal
      ? { sendsTo: ["127.0.0.1", upstream.hostname] }
      : { sendsAnywhere: true },
  ));
  await ensurePermissions(permissionsFor(upstream, { action: "connect" }));
  const resolver = new Resolver({
    upstream,
    maxBytes: cacheMegabytes * 1024 * 1024,
  });
  const server = await serveDns({
    ...address,
    answersPerSecond: rate,
    async answer(question, { hostname, query }) {
      // As many bytes as the question: it is of no use for a flood.
      if (!allowed.has(hostname)) return { rcode: RCODES.REFUSED };
      if (!query.recursionDesired) {
        return { rcode: RCODES.REFUSED, recursionAvailable: true };
      }
      const { rcode, answers, authorities, source, why } = await resolver
        .resolve(question);
      return {
        rcode,
        answers,
        authorities,
        recursionAvailable: true,
        note: why ?? (source === "cache" ? "from the cache" : ""),
      };
    },
  });
  log(`${listeningOn(server)}, asking ${formatAddress(upstream)}`);
  await server.closed;
});

function networksFlag(value: string): Networks {
  try {
    return new Networks(value === UNSET ? "" : value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    stop(`Cannot use --allow: ${error.message}`, 2);
  }
}
