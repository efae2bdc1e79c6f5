/**
 * What the tests of this folder run on: `node:dgram` always, `Deno.listenDatagram` where
 * `--unstable-net` is given, as `unstable_net_test.ts` does.
 *
 * @module
 */

import {
  connectDatagram,
  datagram,
  type DatagramPeer,
  type DatagramSocket,
  type UdpOptions,
  type UdpPeerOptions,
} from "@sluice/net/datagram";

/** Whether the flag is there. */
export const hasFlag = "listenDatagram" in Deno;

/** The backends that are there. */
export const BACKENDS: readonly ("node" | "deno")[] = hasFlag
  ? ["node", "deno"]
  : ["node"];

export type Udp = DatagramSocket<Deno.NetAddr>;
export type UdpPeer = DatagramPeer<Deno.NetAddr>;

/** What a test needs of a backend. */
export interface Backend {
  name: string;
  open(options?: Partial<UdpOptions>): Promise<Udp>;
  connect(options: UdpPeerOptions): Promise<UdpPeer>;
}

/** Defines a test for each backend. */
export function testBackends(
  title: string,
  body: (backend: Backend) => Promise<void>,
): void {
  for (const backend of BACKENDS) {
    Deno.test(`${title} (${backend})`, { timeout: 30_000 }, () =>
      body({
        name: backend,
        open: (options) => datagram({ port: 0, backend, ...options }),
        connect: (options) => connectDatagram({ backend, ...options }),
      }));
  }
}

/** A limit that is only there so that a test which fails ends. */
export const soon = { timeoutMs: 20_000 };

/** Text of a datagram. */
export function textOf(received: { data: Uint8Array } | null): string {
  return new TextDecoder().decode(received!.data);
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition();) {
    if (Date.now() > end) throw new Error("It did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
