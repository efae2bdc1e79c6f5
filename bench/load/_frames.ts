import { Buffer } from "node:buffer";

/** Largest piece of an echo that is looked at in one go. */
const PIECE_BYTES = 64 * 1024;

/** Frames with a 4-byte length in front, each with its own bytes. */
export function makeFrames(count: number, payloadBytes: number): Uint8Array {
  const frames = new Uint8Array(count * (4 + payloadBytes));
  const view = new DataView(frames.buffer);
  for (let index = 0; index < count; index++) {
    const start = index * (4 + payloadBytes);
    view.setUint32(start, payloadBytes);
    for (let at = 0; at < payloadBytes; at++) {
      frames[start + 4 + at] = index * 31 + at * 7 + 1;
    }
  }
  return frames;
}

/** A buffer for {@linkcode exchange}. */
export function makePiece(batch: Uint8Array): Uint8Array {
  return new Uint8Array(Math.min(batch.length, PIECE_BYTES));
}

/**
 * Sends a batch and waits until the very same bytes have come back. Reads while it
 * writes, so that no batch is too large.
 *
 * @throws {Error} Something else came back, or the server closed.
 */
export async function exchange(
  conn: Deno.Conn,
  batch: Uint8Array,
  piece: Uint8Array,
): Promise<void> {
  const sending = writeAll(conn, batch);
  // Reported below, unless the reading fails first.
  sending.catch(() => {});
  for (let at = 0; at < batch.length;) {
    const count = await conn.read(piece);
    if (count === null) throw new Error("the server closed");
    const isWhole = count === batch.length;
    const came = isWhole ? piece : piece.subarray(0, count);
    const expected = isWhole ? batch : batch.subarray(at, at + count);
    if (Buffer.compare(came, expected) !== 0) {
      throw new Error(`the echo differs within ${count} bytes after ${at}`);
    }
    at += count;
  }
  await sending;
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let sent = await conn.write(bytes);
  while (sent < bytes.length) sent += await conn.write(bytes.subarray(sent));
}
