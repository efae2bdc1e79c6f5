/**
 * What travels: typed packets, each in a frame behind its length.
 *
 * @module
 */

import {
  array,
  bool,
  bytes,
  type Codec,
  enumOf,
  lengthPrefixed,
  literal,
  optional,
  packets,
  struct,
  u16,
  u32,
  u8,
  union,
  utf8,
} from "@sluice/net/codec";
import type { DatagramProtocol } from "./datagram_connection.ts";

const heading = enumOf(u8, { stay: 0, up: 1, right: 2, down: 3, left: 4 });
const phase = enumOf(u8, { waiting: 0, running: 1, over: 2 });
const point = struct({ x: u8, y: u8 });

const player = struct({
  id: u8,
  name: utf8(u8),
  x: u8,
  y: u8,
  gems: u8,
  safe: bool,
  /** Its connection is lost, and it may come back. */
  away: bool,
});

/** What clients say. */
const up = union({ type: enumOf(u8, { hello: 1, input: 2, ping: 3 }) }, {
  hello: struct({
    version: literal(u8, 1),
    name: utf8(u8),
    /** Only looks on. */
    watch: bool,
    /** What an earlier welcome said: takes the same seat again. */
    token: optional(bytes(16)),
  }),
  input: struct({ sequence: u32, heading }),
  ping: struct({ sentAtMs: u32 }),
});

/** What the server says. */
const down = union(
  { type: enumOf(u8, { welcome: 1, snapshot: 2, pong: 3, refused: 4 }) },
  {
    /** `id` 0 is a spectator. */
    welcome: struct({ id: u8, token: bytes(16), tickMs: u16, goal: u8 }),
    snapshot: struct({
      tick: u32,
      /** Makes the walls. */
      seed: u32,
      phase,
      winner: u8,
      /** The receiver's last input that is in here. */
      acked: u32,
      players: array(player, u8),
      gems: array(point, u8),
    }),
    pong: struct({ sentAtMs: u32 }),
    refused: struct({ reason: utf8(u8) }),
  },
);

type In<C> = C extends Codec<infer T, never> ? T : never;
type Out<C> = C extends Codec<unknown, infer T> ? T : never;

const upward = packets(
  up,
  lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 64 }),
);
const downward = packets(
  down,
  lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 1_024 }),
);

/** What a client says, as the server gets it. */
export type ClientPacket = In<typeof upward>;
/** The same as a client gives it: what is always the same may be left out. */
export type ClientPacketOut = Out<typeof upward>;
/** What the server says. */
export type ServerPacket = In<typeof downward>;
/** The world, as one client gets it every tick. */
export type Snapshot = Extract<ServerPacket, { type: "snapshot" }>;
/** A player in a snapshot. */
export type SeenPlayer = Snapshot["players"][number];

/** On the server's connections. */
export const serverSide: Codec<ClientPacket, ServerPacket> = {
  decoder: () => upward.decoder(),
  encoder: () => downward.encoder(),
};

/** On a client's connection. */
export const clientSide: Codec<ServerPacket, ClientPacketOut> = {
  decoder: () => downward.decoder(),
  encoder: () => upward.encoder(),
};

/** Packets of which the next one of the same type is worth more than a lost one. */
const isState = (type: string) =>
  type === "snapshot" || type === "ping" || type === "pong";

/** The server's side over UDP. */
export const serverDatagrams: DatagramProtocol<ClientPacket, ServerPacket> = {
  incoming: up,
  outgoing: down,
  isState,
};

/** A client's side over UDP. */
export const clientDatagrams: DatagramProtocol<ServerPacket, ClientPacketOut> =
  { incoming: down, outgoing: up, isState };

/** Names are shown on other people's terminals. */
export function isPlayerName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,12}$/.test(name);
}
