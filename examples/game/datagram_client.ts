/**
 * A connection over UDP, on the side of the client.
 *
 * @module
 */

import { formatAddress, TimeoutError } from "@sluice/net";
import {
  connectDatagram,
  type DatagramBackend,
  type DatagramPeer,
} from "@sluice/net/datagram";
import { DatagramConnection } from "./datagram_connection.ts";
import {
  COOKIE_BYTES,
  type DatagramPacket,
  datagramPacket,
  decodeDatagram,
  ID_BYTES,
} from "./datagram_packets.ts";
import {
  clientDatagrams,
  type ClientPacketOut,
  type ServerPacket,
} from "./protocol.ts";

/** A connection over UDP, as a client has it. */
export type ClientDatagramConnection = DatagramConnection<
  ServerPacket,
  ClientPacketOut
>;

/** Each step of opening is tried so often, for so long. */
const ATTEMPTS = 10;
const ATTEMPT_MS = 500;

/** Which server, and how. */
export interface ConnectGameOptions {
  hostname?: string;
  port: number;
  signal: AbortSignal;
  /** What carries the datagrams; the system by default. */
  backend?: DatagramBackend;
}

/**
 * Opens a connection.
 *
 * @throws {TimeoutError} There is no answer.
 */
export async function connectGameDatagrams(
  { signal, ...target }: ConnectGameOptions,
): Promise<ClientDatagramConnection> {
  const peer = await connectDatagram(target);
  try {
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
    const none = new Uint8Array(COOKIE_BYTES);
    const challenge = await ask(
      peer,
      "challenge",
      { id, cookie: none },
      signal,
    );
    const { cookie } = challenge;
    await ask(peer, "opened", { id, cookie }, signal);
    const connection: ClientDatagramConnection = new DatagramConnection({
      id,
      remoteAddr: { ...peer.remoteAddr, transport: "tcp" },
      protocol: clientDatagrams,
      transmit: (data) => peer.send(data),
      onEnd: () => void peer.close(),
    });
    void pass(peer, id, connection);
    return connection;
  } catch (error) {
    await peer.close();
    throw error;
  }
}

/** Sends `open` until the answer comes. */
async function ask<Kind extends "challenge" | "opened">(
  peer: DatagramPeer<Deno.NetAddr>,
  kind: Kind,
  said: { id: Uint8Array; cookie: Uint8Array },
  signal: AbortSignal,
): Promise<Extract<DatagramPacket, { kind: Kind }>> {
  type Answer = Extract<DatagramPacket, { kind: Kind }>;
  let answer: Answer | undefined;
  const query = datagramPacket.encode({ kind: "open", ...said });
  for (let attempt = 1;; attempt++) {
    try {
      await peer.request(query, {
        attempts: 1,
        timeoutMs: ATTEMPT_MS,
        signal,
        accept(data) {
          const packet = decodeDatagram(data);
          if (packet?.kind !== kind || !isSameId(packet.id, said.id)) {
            return false;
          }
          answer = packet as Answer;
          return true;
        },
      });
      return answer!;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      if (attempt === ATTEMPTS) throw noAnswer(peer, error);
    }
  }
}

function noAnswer(
  { remoteAddr }: DatagramPeer<Deno.NetAddr>,
  cause: TimeoutError,
): TimeoutError {
  return new TimeoutError("connect", ATTEMPTS * ATTEMPT_MS, {
    where: `to ${formatAddress(remoteAddr)} over UDP`,
    waitedFor: "no answer came (a server takes players over UDP with --udp)",
    cause,
  });
}

/** Passes on what comes until the connection has ended. */
async function pass(
  peer: DatagramPeer<Deno.NetAddr>,
  id: Uint8Array,
  connection: ClientDatagramConnection,
): Promise<void> {
  try {
    for await (const { data } of peer) {
      const packet = decodeDatagram(data);
      if (packet === undefined || !isSameId(packet.id, id)) continue;
      if (packet.kind === "data") connection.take(packet);
      else if (packet.kind === "reset") connection.break();
    }
  } catch {
    connection.break();
  }
}

function isSameId(left: Uint8Array, right: Uint8Array): boolean {
  return left.toHex() === right.toHex();
}
