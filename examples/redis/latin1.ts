/**
 * Bytes as text of a byte for each character.
 *
 * Redis strings are bytes. Here they are JavaScript strings whose characters are 0 to
 * 255: one byte of memory for each, exact for any data, and good keys of a `Map`.
 *
 * @module
 */

import type { ByteWriter } from "@sluice/net";
import { Buffer } from "node:buffer";

/** Up to this many characters a loop beats the call into the engine. */
const SHORT_TEXT = 48;
/** Strings up to this length are copied when they are cut out of a longer one. */
const COPIED_LENGTH = 12;

/** One character for each byte. */
export function toLatin1(bytes: Uint8Array): string {
  const { buffer, byteOffset, length } = bytes;
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** The bytes of text whose characters are 0 to 255. */
export function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

/** Writes a byte for each character. */
export function writeLatin1(text: string, out: ByteWriter): void {
  const start = out.allocate(text.length);
  const { block } = out;
  if (text.length > SHORT_TEXT) {
    const { buffer, byteOffset } = block;
    Buffer.from(buffer, byteOffset + start).write(text, "latin1");
    return;
  }
  for (let i = 0; i < text.length; i++) block[start + i] = text.charCodeAt(i);
}

/**
 * A string in memory of its own. A piece cut out of a long text keeps all of that
 * text alive, so a few bytes could hold a whole page of what a peer sent.
 */
export function owned(text: string): string {
  if (text.length <= COPIED_LENGTH) return text;
  return Buffer.from(text, "latin1").toString("latin1");
}
