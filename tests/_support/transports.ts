/**
 * Two connected transports of each kind, for tests that hold for all of them.
 *
 * @module
 */

import { bind } from "../../lib/transport/bind.ts";
import type {
  BindOptions,
  BoundAddr,
  DialOptions,
  Transport,
} from "../../lib/transport/options.ts";
import { dial } from "../../lib/transport/dial.ts";
import { createAuthority } from "./certificates.ts";

/** Connects two transports through a listener that is closed again. */
async function connected<Options extends BindOptions>(
  listenOptions: Options,
  dialOptions: (addr: BoundAddr<Options>) => DialOptions,
): Promise<[Transport, Transport]> {
  const acceptor = bind(listenOptions);
  try {
    const [server, client] = await Promise.all([
      acceptor.accept().then(async (transport) => {
        await transport.handshake?.();
        return transport;
      }),
      dial(dialOptions(acceptor.addr)),
    ]);
    return [client, server];
  } finally {
    acceptor.close();
  }
}

/** Makes a TCP client and its server. */
export function tcpPair(): Promise<[Transport, Transport]> {
  return connected({ port: 0 }, ({ port }) => ({ port }));
}

/** Makes a Unix client and its server, in a directory that must exist. */
export function unixPair(dir: string): Promise<[Transport, Transport]> {
  const path = `${dir}/${crypto.randomUUID().slice(0, 8)}.sock`;
  return connected({ path }, () => ({ path }));
}

/**
 * Returns a function that makes a TLS client and its server, all of one authority.
 *
 * @param kind Whether TLS is Deno's own, or `node:tls` for one of its two reasons.
 */
export async function tlsPairs(
  kind: "deno" | "mutual" | "drop-silent" = "deno",
): Promise<() => Promise<[Transport, Transport]>> {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  const caCerts = [authority.cert];
  const clientCaCerts = kind === "mutual" ? caCerts : undefined;
  const own = kind === "mutual" ? await authority.issue() : {};
  const dropSilent = kind === "drop-silent";
  return () =>
    connected(
      { port: 0, tls: { ...certificate, clientCaCerts, dropSilent } },
      ({ port }) => ({ port, tls: { caCerts, ...own } }),
    );
}
