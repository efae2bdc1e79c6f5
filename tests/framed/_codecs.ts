import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import { lines } from "../../lib/codec/lines.ts";
import { MalformedFrameError } from "../../lib/errors.ts";

/**
 * One digit a frame. `!` is a bad frame that the decoder can step over, `#` one that
 * it cannot. To encode 10 or more fails, half-way through.
 */
export const digits: Codec<number> = {
  decoder: () => ({
    decode(bytes: ByteQueue) {
      if (bytes.length === 0) return undefined;
      const [byte] = bytes.take(1);
      const character = String.fromCharCode(byte);
      if (/\d/.test(character)) return Number(character);
      throw new MalformedFrameError(`Cannot decode ${character}`, {
        recoverable: character === "!",
      });
    },
  }),
  encoder: () => ({
    encode(digit, out) {
      for (const character of String(digit)) out.writeText(character);
      if (digit > 9) throw new RangeError(`Cannot encode ${digit}`);
    },
  }),
};

/** Two bytes a frame, without a `finish`: what is left over is an error. */
export const pairs: Codec<string> = {
  decoder: () => ({
    decode: (bytes) =>
      bytes.length < 2 ? undefined : new TextDecoder().decode(bytes.take(2)),
  }),
  encoder: () => ({ encode: (frame, out) => void out.writeText(frame) }),
};

/** Lines whose decoder takes all bytes at once and keeps them, as decryption does. */
export const keeping: Codec<string> = {
  decoder() {
    const kept = new ByteQueue();
    const inner = lines().decoder();
    return {
      get midFrame() {
        return kept.length > 0;
      },
      decode(bytes) {
        if (bytes.length > 0) kept.append(bytes.takeAll().slice());
        return inner.decode(kept);
      },
      finish: () => inner.finish!(kept),
    };
  },
  encoder: () => lines().encoder(),
};
