/**
 * Connections over UDP, on the side of the server. A client gets one only when it has shown
 * that its address is its own: until then it gets no more bytes than it sends, and nothing is
 * remembered of it.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { DatagramSocket } from "@sluice/net/datagram";
import { DatagramConnection } from "./datagram_connection.ts";
import {
  COOKIE_BYTES,
  datagramPacket,
  decodeDatagram,
} from "./datagram_packets.ts";
import {
  type ClientPacket,
  serverDatagrams,
  type ServerPacket,
} from "./protocol.ts";

/** A connection over UDP, as the server has it. */
export type ServerDatagramConnection = DatagramConnection<
  ClientPacket,
  ServerPacket
>;

/** Most connections at a time, as over TCP. */
const MAX_CONNECTIONS = 128;

/** What to do with connections. */
export interface ServeGameDatagramsOptions {
  /** Takes care of one client, until it goes. */
  handle(
    connection: ServerDatagramConnection,
    context: { signal: AbortSignal },
  ): Promise<void>;
  /** Ends all connections, and then this. */
  signal: AbortSignal;
  /** Why a connection ended, if not in good order. */
  onError(error: unknown, connection: ServerDatagramConnection): void;
}

/** Serves clients over UDP until `signal` aborts, and closes the socket. */
export async function serveGameDatagrams(
  socket: DatagramSocket<Deno.NetAddr>,
  { handle, signal, onError }: ServeGameDatagramsOptions,
): Promise<void> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const connections = new Map<string, ServerDatagramConnection>();
  const handling = new Set<Promise<void>>();
  const sendTo =
    (to: Deno.NetAddr) =>
    (packet: Parameters<typeof datagramPacket.encode>[0]) =>
      void socket.send(datagramPacket.encode(packet), to).catch(() => {});

  const open = (key: string, id: Uint8Array, from: Deno.NetAddr) => {
    const connection: ServerDatagramConnection = new DatagramConnection({
      id,
      remoteAddr: { ...from, transport: "tcp" },
      protocol: serverDatagrams,
      transmit: (data) => socket.send(data, from),
      onEnd: () => connections.delete(key),
    });
    connections.set(key, connection);
    const task = (async () => {
      await using _ = connection;
      await handle(connection, { signal });
    })().catch((error) => onError(error, connection))
      .finally(() => handling.delete(task));
    handling.add(task);
  };

  const end = async () => {
    await Promise.all(handling);
    await socket.close();
  };
  const onAbort = () => void end();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();

  for await (const { data, from } of socket) {
    const packet = decodeDatagram(data);
    if (packet === undefined || !("id" in packet)) continue;
    const { id } = packet;
    const key = `${from.hostname} ${from.port} ${id.toHex()}`;
    const connection = connections.get(key);
    const send = sendTo(from);
    if (packet.kind === "open") {
      const cookie = createHmac("sha256", secret).update(key).digest()
        .subarray(0, COOKIE_BYTES);
      if (!timingSafeEqual(cookie, packet.cookie)) {
        send({ kind: "challenge", id, cookie });
        continue;
      }
      if (connection === undefined) {
        if (signal.aborted || connections.size >= MAX_CONNECTIONS) continue;
        open(key, id, from);
      }
      send({ kind: "opened", id });
    } else if (packet.kind === "data") {
      if (connection !== undefined) connection.take(packet);
      else send({ kind: "reset", id });
    } else if (packet.kind === "reset") connection?.break();
  }
  for (const connection of connections.values()) connection.break();
  await Promise.all(handling);
  signal.removeEventListener("abort", onAbort);
}
