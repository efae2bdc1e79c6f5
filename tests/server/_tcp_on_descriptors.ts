/**
 * Takes the place of `lib/transport/_tcp.ts`: listens on one of the descriptors that the process
 * was started with wherever a test asks for a free port.
 *
 * @module
 */

import { bindDescriptor } from "../../lib/transport/_descriptor.ts";
// Another name of the same file, as the first one leads here.
import { bindTcp as bindPort } from "../../lib/transport/_tcp.ts?on-a-port";
import type { Acceptor, TcpBindOptions } from "../../lib/transport/options.ts";

export { dialTcp, listenOptions } from "../../lib/transport/_tcp.ts?on-a-port";

/** Each file of tests has modules of its own; the environment is that of the process. */
const NEXT = "NEXT_DESCRIPTOR";

/** Listens on the next descriptor, or on the port that is asked for. */
export function bindTcp(options: TcpBindOptions): Acceptor<Deno.NetAddr> {
  const { port, hostname = "127.0.0.1", backlog, noDelay, keepAlive } = options;
  if (port !== 0 || hostname !== "127.0.0.1" || backlog !== undefined) {
    return bindPort(options);
  }
  const listenFd = Number(Deno.env.get(NEXT) ?? 3);
  Deno.env.set(NEXT, String(listenFd + 1));
  return bindDescriptor({ listenFd, noDelay, keepAlive }) as Acceptor<
    Deno.NetAddr
  >;
}
