/**
 * Binding an address, by whatever backend was chosen.
 *
 * @module
 */

import { checkMethods } from "../_check.ts";
import { formatAddress } from "../addr.ts";
import { BrokenError } from "../errors.ts";
import { withoutBrackets } from "../ip.ts";
import { waitWithin } from "../time/call_limits.ts";
import { translateError } from "../transport/translate_error.ts";
import { isOwnBackend, needsNode, withDefaults } from "./check_options.ts";
import {
  bindDeno,
  bindUnixDatagrams,
  hasListenDatagram,
} from "./_deno_backend.ts";
import { bindNode } from "./_node_backend.ts";
import type {
  DatagramAddr,
  DatagramBinding,
  DatagramTransport,
  UdpOptions,
  UnixDatagramOptions,
} from "./options.ts";

/**
 * Binds what checked options ask for.
 *
 * @throws {unknown} An error of this library, or the reason of the signal.
 */
export async function open(
  options: UdpOptions | UnixDatagramOptions,
): Promise<DatagramTransport> {
  const { signal } = options;
  signal?.throwIfAborted();
  try {
    if (options.path !== undefined) {
      const { maxDatagramBytes } = withDefaults(options);
      return bindUnixDatagrams(options.path, maxDatagramBytes);
    }
    return await untilAborted(openUdp(options), signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw bindError(error, addrOf(options));
  }
}

/** What is bound after the signal has aborted is closed. */
async function untilAborted(
  opening: Promise<DatagramTransport<Deno.NetAddr>>,
  signal: AbortSignal | undefined,
): Promise<DatagramTransport<Deno.NetAddr>> {
  if (signal === undefined) return await opening;
  try {
    return await waitWithin("bind", opening, { signal });
  } catch (error) {
    opening.then((transport) => transport.close()).catch(() => {});
    throw error;
  }
}

async function openUdp(
  options: UdpOptions,
): Promise<DatagramTransport<Deno.NetAddr>> {
  const { backend = "auto" } = options;
  const binding: DatagramBinding = {
    hostname: withoutBrackets(options.hostname ?? "127.0.0.1"),
    port: options.port,
    reuseAddress: options.reuseAddress ?? false,
    broadcast: options.broadcast ?? false,
    maxDatagramBytes: withDefaults(options).maxDatagramBytes,
  };
  if (isOwnBackend(backend)) {
    const transport = await backend.bind(binding);
    checkMethods("bind", "the transport", transport, [
      "start",
      "send",
      "close",
    ]);
    return transport;
  }
  const isDeno = backend === "deno" ||
    backend === "auto" && hasListenDatagram() && !needsNode(options);
  return isDeno ? bindDeno(binding) : await bindNode(binding, options);
}

function bindError(error: unknown, localAddr: DatagramAddr): unknown {
  const context = { operation: "bind", localAddr };
  // What `node:dgram` has no name for.
  if ((error as { code?: unknown } | null)?.code !== "UNKNOWN") {
    return translateError(error, context);
  }
  return new BrokenError(
    "other",
    `Cannot bind to ${
      formatAddress(localAddr)
    }: the system refuses that address`,
    { ...context, cause: error },
  );
}

function addrOf(options: UdpOptions | UnixDatagramOptions): DatagramAddr {
  if (options.path !== undefined) {
    return { transport: "unixpacket", path: options.path };
  }
  const { hostname = "127.0.0.1", port } = options;
  return { transport: "udp", hostname, port };
}
