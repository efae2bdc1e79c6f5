/**
 * The address that the workers of a group share.
 *
 * @module
 */

import { BrokenError } from "../errors.ts";
import { translateError } from "../transport/translate_error.ts";
import type { ListenSettings } from "./_protocol.ts";
import type { SuperviseRules } from "./supervise_options.ts";

/** Where the workers listen. */
export interface SharedAddress {
  /** Known at once, or when the first worker has said it. */
  addr: Deno.NetAddr;
  /** The one socket of all, where there is one, to be passed to each worker. */
  readonly socket: object | undefined;
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
  if (share === "reuse-port") return new ReusePortAddress(addr, backlog);
  try {
    return await openSocket(addr, backlog);
  } catch (error) {
    throw translateError(error, { operation: "listen", localAddr: addr });
  }
}

/** Each worker opens a socket of its own on the same port. */
class ReusePortAddress implements SharedAddress {
  addr: Deno.NetAddr;
  readonly socket = undefined;
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

type NodeSocket = InstanceType<ReturnType<typeof nodeNet>["Socket"]>;

/** What Deno's handle of a socket has, beside what Node's has. */
interface SocketHandle {
  /** A further descriptor of the socket. */
  fdForIpc?(): number;
}

/** One listening socket from which all workers accept, and which outlives them. */
class SharedSocketAddress implements SharedAddress {
  readonly addr: Deno.NetAddr;
  readonly #owner: NodeSocket & { _handle?: SocketHandle };

  constructor(addr: Deno.NetAddr, fd: number) {
    this.addr = addr;
    // It does nothing but have it: a server would accept.
    this.#owner = new (nodeNet().Socket)({
      fd,
      readable: false,
      writable: false,
    });
    this.#owner.unref();
  }

  get socket(): object | undefined {
    return this.#owner._handle;
  }

  settings(): ListenSettings {
    return { passed: true };
  }

  close(): void {
    this.#owner.destroy();
  }
}

async function openSocket(
  { hostname, port }: Deno.NetAddr,
  backlog = 511,
): Promise<SharedAddress> {
  const server: NodeServer & { _handle?: SocketHandle } = nodeNet()
    .createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: hostname, port, backlog }, resolve);
  await promise;
  const bound = server.address();
  const fd = server._handle?.fdForIpc?.();
  // The further descriptor keeps the socket open.
  server.close();
  if (fd === undefined || bound === null || typeof bound === "string") {
    throw new BrokenError(
      "other",
      "Cannot supervise: this version of Deno passes no sockets on " +
        '(share: "reuse-port" works)',
    );
  }
  const { address, port: boundPort } = bound;
  const addr = {
    transport: "tcp",
    hostname: address,
    port: boundPort,
  } as const;
  return new SharedSocketAddress(addr, fd);
}
