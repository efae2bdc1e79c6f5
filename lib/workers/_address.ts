/**
 * The address that the workers of a group share.
 *
 * @module
 */

import { BrokenError } from "../errors.ts";
import { translateError } from "../transport/translate_error.ts";
import { LISTEN_FD, type ListenSettings } from "./_protocol.ts";
import type { SuperviseRules } from "./supervise_options.ts";

/** Where the workers listen. */
export interface SharedAddress {
  /** Known at once, or when the first worker has said it. */
  addr: Deno.NetAddr;
  /** The descriptor of the one socket of all, where there is one. */
  readonly listenFd: number | undefined;
  /** What a worker is told of it. */
  settings(): ListenSettings;
  /** Lets go of it. Idempotent. */
  close(): void;
}

/** Opens the address of a group. */
export async function openAddress(
  { hostname, port, backlog, share }: SuperviseRules,
): Promise<SharedAddress> {
  const addr: Deno.NetAddr = { transport: "tcp", hostname, port };
  if (share === "reuse-port") return new PortOfEach(addr, backlog);
  try {
    return await openDescriptor(addr, backlog);
  } catch (error) {
    throw translateError(error, { operation: "listen", localAddr: addr });
  }
}

/** Each worker opens a socket of its own on the same port. */
class PortOfEach implements SharedAddress {
  addr: Deno.NetAddr;
  readonly listenFd = undefined;
  readonly #backlog: number | undefined;

  constructor(addr: Deno.NetAddr, backlog: number | undefined) {
    this.addr = addr;
    this.#backlog = backlog;
  }

  settings(): ListenSettings {
    const { hostname, port } = this.addr;
    const backlog = this.#backlog;
    return { hostname, port, ...(backlog === undefined ? {} : { backlog }) };
  }

  close(): void {}
}

const nodeNet = () => globalThis.process.getBuiltinModule("node:net");

type NodeServer = InstanceType<ReturnType<typeof nodeNet>["Server"]>;

/** What Deno's handle of a `node:net` server has, beside what Node's has. */
interface TcpHandle {
  /** A further descriptor of its socket, to be passed on. */
  fdForIpc?(): number;
}

async function openDescriptor(
  { hostname, port }: Deno.NetAddr,
  backlog = 511,
): Promise<SharedAddress> {
  const { createServer, Socket } = nodeNet();
  const server: NodeServer & { _handle?: TcpHandle } = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: hostname, port, backlog }, resolve);
  await promise;
  const bound = server.address();
  const listenFd = server._handle?.fdForIpc?.();
  // The further descriptor keeps the socket; this process is not to accept from it.
  server.close();
  if (
    listenFd === undefined || bound === null || typeof bound === "string"
  ) {
    throw new BrokenError(
      "other",
      "Cannot supervise: this version of Deno passes no descriptors on " +
        '(share: "reuse-port" works)',
    );
  }
  let isOpen = true;
  return {
    addr: { transport: "tcp", hostname: bound.address, port: bound.port },
    listenFd,
    settings: () => ({ listenFd: LISTEN_FD }),
    close() {
      // Its number may be another one's by the second call.
      if (!isOpen) return;
      isOpen = false;
      // `closeSync` closes what `node:fs` has opened, and nothing else.
      new Socket({ fd: listenFd }).destroy();
    },
  };
}
