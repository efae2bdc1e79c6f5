/**
 * The chat server of one process: alone, one of several workers, or one of several
 * machines.
 *
 * @module
 */

import {
  type Acceptor,
  ClosedError,
  LimitError,
  lines,
  serve,
  type Server,
  type Socket,
  SocketError,
} from "@sluice/net";
import { type Engine, Hub } from "@sluice/net/hub";
import { logDrain } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { PendingConnections, PendingError } from "../_pending_connections.ts";
import { visibleAddress, visibleText } from "../_safe_text.ts";
import { Chat } from "./chat.ts";
import { converse, MAX_LINE_BYTES } from "./conversation.ts";
import { Fleet } from "./fleet.ts";
import { connectToNats, type NatsAddress } from "./nats.ts";

/** Connections of one process. */
export const MAX_CONNECTIONS = 1_000;
/** Connections without a name; more than these, and the oldest one is cut. */
const MAX_NAMELESS = 20;
/** Longest line that is told: a name, and what it said. */
const MAX_TOLD_BYTES = MAX_LINE_BYTES + 200;

/** What the flags say. Plain data: workers get it as JSON. */
export interface ChatSettings {
  /** Lines a second that one client may send. */
  readonly rate: number;
  /** Lines that wait for a slow reader, and what happens to one that is slower. */
  readonly mostLines: number;
  readonly slow: "drop" | "disconnect";
  /** Lines that a room remembers. */
  readonly history: number;
  /** Connections of one address. */
  readonly perAddress: number;
  /** Proxies in front that say where a client is. */
  readonly trustedProxies: readonly string[];
  /** Files that prove who the server is; none for no TLS. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Where the other servers of the same chat are met. */
  readonly nats?: NatsAddress;
}

/** What one process accepts from. */
export type Where =
  | { hostname?: string; port: number }
  | { path: string }
  | { acceptor: Acceptor<Deno.NetAddr | Deno.UnixAddr> };

/** What is not the same for all processes. */
export interface StartOptions {
  /** Closes gracefully at Ctrl-C. */
  drainOnSignals?: boolean;
  /** What carries lines to other servers of the same chat, where NATS does not. */
  engine?: Engine;
}

/** Starts the chat. */
export async function startChat(
  where: Where,
  settings: ChatSettings,
  { drainOnSignals = false, engine }: StartOptions,
): Promise<Server> {
  const { rate, mostLines, slow, perAddress, trustedProxies } = settings;
  const tls = settings.tls && {
    cert: await Deno.readTextFile(settings.tls.certFile),
    key: await Deno.readTextFile(settings.tls.keyFile),
  };
  const nats = settings.nats && await connectToNats(settings.nats);
  const hub = new Hub(lines(), {
    maxQueuedFrames: mostLines,
    maxQueuedBytes: mostLines * MAX_TOLD_BYTES,
    onSlow: slow === "drop" ? "drop-oldest" : "disconnect",
  });
  const link = nats?.engine ?? engine;
  const fleet = link && new Fleet(link);
  const chat = new Chat({
    hub,
    mostRemarks: settings.history,
    tellOthers: fleet?.tell,
  });
  await fleet?.start(chat);
  const nameless = new PendingConnections({ max: MAX_NAMELESS });
  const server = serve({
    ...where,
    drainOnSignals,
    ...tls && { tls },
    ...trustedProxies.length > 0 && {
      proxyProtocol: { trustedProxies: [...trustedProxies] },
    },
    maxConnections: MAX_CONNECTIONS,
    maxConnectionsPerAddress: perAddress,
    onLimit: "reject",
    idleMs: 60 * 60_000, // Neither said nor heard a word for an hour.
    writeMs: 60_000, // Takes nothing for a minute: gone, not slow.
    highWaterMarkBytes: 16 * 1024, // The rest waits in the bounded queue.
    closeTimeoutMs: 1_000,
    // A line that never ends costs bandwidth, and this is all it gets.
    maxReadBytesPerSecond: Math.max(16 * 1024, rate * MAX_LINE_BYTES),
    shutdownTimeoutMs: 3_000,
    onEvent: drainOnSignals ? logDrain : undefined,
    onError: report,
  }, async (socket, { signal }) => {
    const from = visibleAddress(socket.remoteAddr);
    using name = nameless.add(socket);
    let came = false;
    const onEnter = () => {
      name[Symbol.dispose]();
      came = true;
      log(`${from} came`);
    };
    const hasOthers = fleet !== undefined;
    await converse(socket, { chat, hub, rate, hasOthers, signal, onEnter });
    if (came) log(`${from} left`);
  });
  server.closed.then(() => {
    fleet?.[Symbol.dispose]();
    return nats?.[Symbol.asyncDispose]();
  });
  return server;
}

/** A client that broke off, was too slow or silent is one line; a bug is more. */
function report(error: unknown, { remoteAddr }: Socket): void {
  const reason = error instanceof ClosedError ? error.cause : error;
  // It never said a name, and others were waiting: there may be thousands of them.
  if (reason instanceof PendingError) return;
  const short = reason instanceof SocketError || error instanceof ClosedError;
  const why = reason instanceof LimitError && reason.operation === "publish"
    ? "it read too slowly"
    : short && reason instanceof Error
    ? visibleText(reason.message)
    : reason;
  complain(`${visibleAddress(remoteAddr)} was lost:`, why);
}
