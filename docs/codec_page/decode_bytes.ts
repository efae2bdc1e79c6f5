/**
 * Decodes bytes, and says which of them each frame is.
 *
 * The bytes are given to the decoder one at a time: a frame ends with the byte with which it
 * comes out, and an error is noticed at the byte with which it is thrown. However a stream is
 * cut, its frames and errors are the same.
 *
 * @module
 */

import {
  ByteQueue,
  type Codec,
  type FrameTooLargeError,
} from "../../lib/codec/mod.ts";
import { FrameDecoder } from "../../lib/codec/frame_decoder.ts";
import {
  type ChosenCodec,
  type CodecChoice,
  makeCodec,
} from "./codec_choice.ts";
import { type DescribedPacket, withoutMarks } from "./packet_notation.ts";

/** Some bytes, from the first to the one behind the last. */
export interface Span {
  start: number;
  end: number;
}

/** A field of a packet, by where its bytes are. */
export interface FieldSpan extends Span {
  path: string;
}

/** Bytes that belong together. */
export interface Piece extends Span {
  /**
   * A frame; a frame that is bad, with its error; one that was skipped or cut off, with its
   * error; or bytes behind the last frame, which were not read or make no frame yet.
   */
  kind: "frame" | "bad" | "skipped" | "rest";
  /** Of a frame: its bytes without what is around them. */
  body?: Span;
  value?: unknown;
  error?: Error;
  /** Where the error was noticed: the place of a byte, or the end. */
  noticedAt?: number;
  fields: FieldSpan[];
}

/** What bytes were decoded to. */
export interface Decoded {
  pieces: Piece[];
  source: string;
}

/**
 * Decodes all bytes of a stream.
 *
 * @param bytes The stream.
 * @param choice The codec.
 * @param hasEnded Whether nothing comes behind them.
 * @throws {Error} The codec cannot be made.
 */
export function decodeBytes(
  bytes: Uint8Array,
  choice: CodecChoice,
  hasEnded: boolean,
): Decoded {
  const oversized: FrameTooLargeError[] = [];
  const chosen = makeCodec(choice, (error) => oversized.push(error));
  const pieces = cut(bytes, chosen.codec, oversized, hasEnded);
  const sizes = bodySizes(bytes, chosen, hasEnded);
  for (const piece of pieces) {
    piece.body = bodyOf(piece, chosen, sizes.get(piece.start), bytes);
    if (chosen.described === undefined) continue;
    piece.fields = fieldsOf(piece, bytes, chosen.framing, chosen.described);
    piece.value = withoutMarks(piece.value);
  }
  return { pieces, source: chosen.source };
}

function cut(
  bytes: Uint8Array,
  codec: Codec<unknown>,
  oversized: FrameTooLargeError[],
  hasEnded: boolean,
): Piece[] {
  const pieces: Piece[] = [];
  const queue = new ByteQueue();
  const frames = new FrameDecoder(codec.decoder(), queue);
  let start = 0;
  // Of a frame that was cut off, the rest is still to come.
  let isDropping = false;
  const add = (end: number, piece: Omit<Piece, keyof Span | "fields">) => {
    pieces.push({ start, end, fields: [], ...piece });
    start = end;
  };

  // All that comes of the first `given` bytes.
  const drain = (given: number, ended: boolean): void => {
    while (true) {
      let value: unknown;
      try {
        value = frames.next(ended);
      } catch (thrown) {
        const error = thrown as Error;
        const end = frames.failed ? given : given - queue.length;
        add(end, { kind: "bad", error, noticedAt: ended ? given : given - 1 });
        oversized.length = 0;
        if (frames.failed) return;
        continue;
      }
      const error = oversized[0];
      if (value !== undefined) {
        const end = given - queue.length;
        add(
          end,
          error ? { kind: "skipped", value, error } : { kind: "frame", value },
        );
        isDropping = error !== undefined;
        oversized.length = 0;
        continue;
      }
      // One that is skipped is over when nothing of it is still to come.
      if (frames.decoderIsMidFrame) return;
      const end = given - queue.length;
      if (isDropping) start = pieces[pieces.length - 1].end = end;
      else if (error !== undefined) add(end, { kind: "skipped", error });
      isDropping = false;
      oversized.length = 0;
      return;
    }
  };

  for (let given = 1; given <= bytes.length && !frames.failed; given++) {
    queue.append(bytes.slice(given - 1, given));
    drain(given, false);
  }
  if (hasEnded && !frames.failed) drain(bytes.length, true);
  const error = oversized[0];
  if (start < bytes.length) {
    add(bytes.length, error ? { kind: "skipped", error } : { kind: "rest" });
  }
  return pieces;
}

/** How many bytes the content of each frame has, by where the frame begins. */
function bodySizes(
  bytes: Uint8Array,
  { framing, codec }: ChosenCodec,
  hasEnded: boolean,
): Map<number, number> {
  const sizes = new Map<number, number>();
  if (framing === undefined || framing === codec) return sizes;
  const pieces = cut(bytes, framing as Codec<unknown>, [], hasEnded);
  for (const { start, value } of pieces) {
    if (value instanceof Uint8Array) sizes.set(start, value.length);
  }
  return sizes;
}

function bodyOf(
  { kind, start, end, value }: Piece,
  { around }: ChosenCodec,
  known: number | undefined,
  bytes: Uint8Array,
): Span | undefined {
  if (kind === "rest" || kind === "skipped") return undefined;
  const size = known ??
    (value instanceof Uint8Array ? value.length : undefined);
  if (kind === "bad" && size === undefined) return undefined;
  switch (around) {
    case "none":
      return { start, end };
    case "before":
      return size === undefined ? undefined : { start: end - size, end };
    case "both":
      return size === undefined
        ? undefined
        : { start: end - 1 - size, end: end - 1 };
    case "behind": {
      if (size !== undefined) return { start, end: start + size };
      // A line, whose text may have other bytes than it came with.
      let last = end;
      if (bytes[last - 1] === 10) last--;
      if (last < end && bytes[last - 1] === 13) last--;
      return { start, end: Math.max(start, last) };
    }
  }
}

/** Where the fields of a packet are, as far as it can be read. */
function fieldsOf(
  { kind, start, end, body }: Piece,
  bytes: Uint8Array,
  framing: ChosenCodec["framing"],
  { packet, marks }: DescribedPacket,
): FieldSpan[] {
  // A packet that nothing cuts out is bad from its first byte on.
  const isOpen = kind === "bad" && framing === undefined;
  const span = body ?? (isOpen ? { start, end } : undefined);
  if (span === undefined) return [];
  // In memory of its own: marks count from its beginning.
  const frame = bytes.slice(span.start, span.end);
  marks.length = 0;
  try {
    packet.decode(frame);
  } catch {
    // Its error is known; its fields are those before it.
  }
  const found = marks.splice(0);
  const fields = found.map(({ path, offset }, i) => ({
    path,
    start: span.start + offset,
    end: i + 1 < found.length ? span.start + found[i + 1].offset : span.end,
  }));
  const [first = { start: span.end }] = fields;
  if (kind === "frame" && first.start > span.start) {
    // A union begins with its tag, which has no mark.
    fields.unshift({ path: "tag", start: span.start, end: first.start });
  }
  return fields.filter(({ start, end }) => end > start);
}
