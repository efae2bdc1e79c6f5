/**
 * TCP packets that were never on a wire, for programs that know nothing else.
 *
 * @module
 */

/** An end of a connection: 4 or 16 bytes of address, and a port. */
export interface PacketEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

/** Flags of the header. */
export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** Most bytes that fit, behind the longest headers. */
export const MAX_PAYLOAD_BYTES = 65_535 - 40;

const TCP_PROTOCOL = 6;
const TCP_HEADER_BYTES = 20;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const HOP_LIMIT = 64;
const WINDOW = 65_535;

/** The numbers of a packet. */
export interface TcpNumbers {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
}

/** A packet with its checksums. Both addresses are of the same family. */
export function tcpPacket(
  from: PacketEnd,
  to: PacketEnd,
  { seq, ack, flags }: TcpNumbers,
  payload: Uint8Array,
): Uint8Array {
  const isV6 = from.address.length === 16;
  const start = isV6 ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
  const size = TCP_HEADER_BYTES + payload.length;
  const packet = new Uint8Array(start + size);
  const view = new DataView(packet.buffer);
  if (isV6) writeIpv6(packet, view, from, to, size);
  else writeIpv4(packet, view, from, to, size);
  view.setUint16(start, from.port);
  view.setUint16(start + 2, to.port);
  view.setUint32(start + 4, seq);
  view.setUint32(start + 8, flags & TCP.ack ? ack : 0);
  view.setUint8(start + 12, (TCP_HEADER_BYTES / 4) << 4);
  view.setUint8(start + 13, flags);
  view.setUint16(start + 14, WINDOW);
  packet.set(payload, start + TCP_HEADER_BYTES);
  // The pseudo header: both addresses, the protocol and the size.
  const pseudo = sum(from.address) + sum(to.address) + TCP_PROTOCOL + size;
  view.setUint16(start + 16, checksum(pseudo + sum(packet.subarray(start))));
  return packet;
}

function writeIpv4(
  packet: Uint8Array,
  view: DataView,
  from: PacketEnd,
  to: PacketEnd,
  size: number,
): void {
  view.setUint8(0, 0x45);
  view.setUint16(2, IPV4_HEADER_BYTES + size);
  view.setUint16(6, 0x4000); // do not fragment
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, TCP_PROTOCOL);
  packet.set(from.address, 12);
  packet.set(to.address, 16);
  const header = packet.subarray(0, IPV4_HEADER_BYTES);
  view.setUint16(10, checksum(sum(header)));
}

function writeIpv6(
  packet: Uint8Array,
  view: DataView,
  from: PacketEnd,
  to: PacketEnd,
  size: number,
): void {
  view.setUint8(0, 0x60);
  view.setUint16(4, size);
  view.setUint8(6, TCP_PROTOCOL);
  view.setUint8(7, HOP_LIMIT);
  packet.set(from.address, 8);
  packet.set(to.address, 24);
}

/** The sum of all 16-bit numbers; an odd byte at the end is the high half of one. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    total += bytes[i] << 8 | (bytes[i + 1] ?? 0);
  }
  return total;
}

/** RFC 1071. */
function checksum(total: number): number {
  while (total > 0xffff) total = Math.floor(total / 0x10000) + total % 0x10000;
  return ~total & 0xffff;
}
