/**
 * Blocks of a capture file: pcapng, as draft-ietf-opsawg-pcapng has it, little-endian.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";

/** Packets begin with their IPv4 or IPv6 header. */
const LINKTYPE_RAW = 101;
/** Times are in microseconds. */
const MICROSECONDS = 6;

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Options, by the block that has them. */
const OPTION = {
  end: 0,
  userApplication: 4,
  interfaceDescription: 3,
  timeResolution: 9,
  packetFlags: 2,
  received: 4,
  dropped: 5,
} as const;

/** Which way a packet went. */
export type PacketDirection = "received" | "sent";

/** Until then microseconds are exact: the year 2255. */
const MAX_TIME_MS = Number.MAX_SAFE_INTEGER / 1_000;

/** The start of a file: one section with one interface. */
export function fileHeader(description: string): Uint8Array {
  const section = block(SECTION_HEADER, (out) => {
    u32(out, BYTE_ORDER_MAGIC);
    u16(out, 1); // version 1.0
    u16(out, 0);
    u32(out, 0xffffffff); // a section of unknown length
    u32(out, 0xffffffff);
    option(out, OPTION.userApplication, new TextEncoder().encode("sluice"));
    endOptions(out);
  });
  const theInterface = block(INTERFACE_DESCRIPTION, (out) => {
    u16(out, LINKTYPE_RAW);
    u16(out, 0);
    u32(out, 0); // packets are whole
    const text = new TextEncoder().encode(description).subarray(0, 65_535);
    option(out, OPTION.interfaceDescription, text);
    option(out, OPTION.timeResolution, Uint8Array.of(MICROSECONDS));
    endOptions(out);
  });
  return Uint8Array.of(...section, ...theInterface);
}

/** A packet. */
export function packetBlock(
  packet: Uint8Array,
  timeMs: number,
  direction: PacketDirection,
): Uint8Array {
  return block(ENHANCED_PACKET, (out) => {
    u32(out, 0); // the only interface
    time(out, timeMs);
    u32(out, packet.length);
    u32(out, packet.length);
    padded(out, packet);
    const flags = direction === "received" ? 1 : 2;
    option(out, OPTION.packetFlags, Uint8Array.of(flags, 0, 0, 0));
    endOptions(out);
  });
}

/** How many packets there were, at the end. */
export function statisticsBlock(
  timeMs: number,
  received: number,
  dropped: number,
): Uint8Array {
  return block(INTERFACE_STATISTICS, (out) => {
    u32(out, 0);
    time(out, timeMs);
    option(out, OPTION.received, count(received));
    option(out, OPTION.dropped, count(dropped));
    endOptions(out);
  });
}

/** The length of a block stands at both of its ends. */
function block(
  type: number,
  writeBody: (out: ByteWriter) => void,
): Uint8Array {
  const body = new ByteWriter();
  writeBody(body);
  const length = body.length + 12;
  const out = new ByteWriter();
  u32(out, type);
  u32(out, length);
  out.write(body.toBytes());
  u32(out, length);
  return out.toBytes();
}

function time(out: ByteWriter, timeMs: number): void {
  // A clock that was replaced may say anything, and nothing of that may break the socket.
  const micros = timeMs > 0 && timeMs < MAX_TIME_MS
    ? Math.round(timeMs * 1000)
    : 0;
  u32(out, Math.floor(micros / 2 ** 32));
  u32(out, micros % 2 ** 32);
}

function count(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

function option(out: ByteWriter, code: number, value: Uint8Array): void {
  u16(out, code);
  u16(out, value.length);
  padded(out, value);
}

function endOptions(out: ByteWriter): void {
  u16(out, OPTION.end);
  u16(out, 0);
}

/** Everything begins at a multiple of four. */
function padded(out: ByteWriter, bytes: Uint8Array): void {
  out.write(bytes);
  for (let at = bytes.length; at % 4 !== 0; at++) out.writeByte(0);
}

function u16(out: ByteWriter, value: number): void {
  out.writeUint(value, 2, true);
}

function u32(out: ByteWriter, value: number): void {
  out.writeUint(value, 4, true);
}
