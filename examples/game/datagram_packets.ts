/**
 * What travels over UDP around the packets of the game.
 *
 * ```text
 * client                                server
 *   open, without a cookie  ─────────>
 *                           <─────────  challenge: a cookie for this address and id
 *   open, with the cookie   ─────────>  only now is there a connection
 *                           <─────────  opened
 *   data                    <────────>  data
 *                           <────────>  reset: there is no such connection
 * ```
 *
 * @module
 */

import {
  array,
  bytes,
  enumOf,
  literal,
  struct,
  u16,
  u32,
  u8,
  union,
} from "@sluice/net/codec";

/** Bytes of the number of a connection, which a stranger has to guess. */
export const ID_BYTES = 8;
/** Bytes of what the server has to be shown. */
export const COOKIE_BYTES = 16;

/** One datagram. */
export const datagramPacket = union({
  kind: enumOf(u8, { open: 1, challenge: 2, opened: 3, data: 4, reset: 5 }),
}, {
  open: struct({
    version: literal(u8, 1),
    id: bytes(ID_BYTES),
    /** Zeros at first. */
    cookie: bytes(COOKIE_BYTES),
  }),
  challenge: struct({ id: bytes(ID_BYTES), cookie: bytes(COOKIE_BYTES) }),
  opened: struct({ id: bytes(ID_BYTES) }),
  data: struct({
    id: bytes(ID_BYTES),
    /** The last event that has come in order. */
    acked: u32,
    /** Number of the first of the events. */
    first: u32,
    /** Events that are not acknowledged, oldest first. An empty one is the end. */
    events: array(struct({ bytes: bytes(u16) }), u8),
    /** Number of the state. */
    sequence: u32,
    /** A packet that the next one of its type replaces; empty for none. */
    state: bytes(u16),
  }),
  reset: struct({ id: bytes(ID_BYTES) }),
});

/** One datagram, as it comes. */
export type DatagramPacket = ReturnType<typeof datagramPacket.decode>;
/** A datagram of a connection that is open. */
export type DataPacket = Extract<DatagramPacket, { kind: "data" }>;

/** The packet in a datagram; `undefined` if it is none. */
export function decodeDatagram(data: Uint8Array): DatagramPacket | undefined {
  try {
    return datagramPacket.decode(data);
  } catch {
    // A stranger may send anything.
    return undefined;
  }
}
