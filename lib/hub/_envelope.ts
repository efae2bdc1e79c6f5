/**
 * What a frame travels in from hub to hub, so that a hub sees what it did not get.
 *
 * ```text
 * version 1 | publisher 6 | stream 4 | sequence 6 | the frame, as its codec encoded it
 * ```
 *
 * The publisher is a random number that each hub has. A stream is a run of numbers of one
 * publisher in one topic: 0, 1, 2, … A publisher that has forgotten where it was, as it
 * remembers a bounded number of topics, begins a new stream.
 *
 * @module
 */

const VERSION = 1;
export const ENVELOPE_BYTES = 17;

/** What stands before a frame. */
export interface Envelope {
  readonly publisher: number;
  readonly stream: number;
  readonly sequence: number;
}

/** A number of 48 bits for a hub: of a thousand hubs no two share one, but for once in 10^8. */
export function newPublisher(): number {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

/** Writes an envelope into the first bytes of `message`. */
export function writeEnvelope(
  message: Uint8Array,
  { publisher, stream, sequence }: Envelope,
): void {
  const view = new DataView(message.buffer, message.byteOffset);
  view.setUint8(0, VERSION);
  setUint48(view, 1, publisher);
  view.setUint32(7, stream);
  setUint48(view, 11, sequence);
}

/** Reads an envelope, or `undefined` where the message has none. */
export function readEnvelope(message: Uint8Array): Envelope | undefined {
  if (message.length < ENVELOPE_BYTES || message[0] !== VERSION) {
    return undefined;
  }
  const view = new DataView(message.buffer, message.byteOffset);
  return {
    publisher: getUint48(view, 1),
    stream: view.getUint32(7),
    sequence: getUint48(view, 11),
  };
}

function setUint48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 2, value >>> 0);
}

function getUint48(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}
