/**
 * Bytes as people write them: hexadecimal digits, or text with escapes.
 *
 * @module
 */

/** Most bytes that the page decodes. */
export const MAX_BYTES = 65_536;

/** Text that is not bytes: what is wrong, and at which character. */
export class BytesTextError extends Error {
  /** Where it is, in characters from the beginning. */
  readonly at: number;

  /** Says what is wrong. */
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/**
 * Bytes of hexadecimal digits, in the ways of hex dumps: in any case, apart or together, with
 * `0x`, commas, colons or dashes between them, and with comments from `#` or `;` to the end of
 * a line.
 *
 * @throws {BytesTextError} There is something else, or half a byte.
 */
export function parseHex(text: string): Uint8Array {
  const bytes: number[] = [];
  let high = -1;
  const separator = /(?:[\s,:|-]|[#;][^\n]*)+/y;
  for (let i = 0; i < text.length;) {
    separator.lastIndex = i;
    const gap = separator.exec(text)?.[0].length ?? 0;
    if (gap > 0) {
      if (high >= 0) throw halfByte(i);
      i += gap;
      continue;
    }
    if (high < 0 && /^0x/i.test(text.slice(i, i + 2))) {
      i += 2;
      if (i === text.length) throw halfByte(i);
      continue;
    }
    const digit = parseInt(text[i], 16);
    if (Number.isNaN(digit)) {
      throw new BytesTextError(
        i,
        `Cannot read hexadecimal digits: each must be 0 to 9 or a to f, got ${
          JSON.stringify(text[i])
        }`,
      );
    }
    if (high < 0) high = digit;
    else {
      bytes.push(high * 16 + digit);
      checkSize(bytes.length, i);
      high = -1;
    }
    i++;
  }
  if (high >= 0) throw halfByte(text.length);
  return Uint8Array.from(bytes);
}

function halfByte(at: number): BytesTextError {
  return new BytesTextError(
    at,
    "Cannot read hexadecimal digits: a byte must have two of them, got one",
  );
}

function checkSize(size: number, at: number): void {
  if (size <= MAX_BYTES) return;
  throw new BytesTextError(
    at,
    `Cannot take the bytes: there must be at most ${MAX_BYTES}, got more`,
  );
}

/**
 * The UTF-8 of text in which `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` stand for one byte each.
 * A line break is a byte 10, however the system writes it.
 *
 * @throws {BytesTextError} An escape is none of these.
 */
export function parseEscaped(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  let size = 0;
  const add = (part: Uint8Array, at: number) => {
    parts.push(part);
    size += part.length;
    checkSize(size, at);
  };
  const plain = text.replaceAll("\r\n", "\n");
  for (
    const { index, 0: found } of plain.matchAll(
      /[^\\]+|\\x[0-9a-f]{2}|\\[^]?/gi,
    )
  ) {
    if (found[0] !== "\\") add(encoder.encode(found), index);
    else if (found.length === 4) {
      add(Uint8Array.of(parseInt(found.slice(2), 16)), index);
    } else {
      const byte = ESCAPES.get(found);
      if (byte === undefined) {
        throw new BytesTextError(
          index,
          `Cannot read the text: an escape must be one of ${
            [...ESCAPES.keys()].join(" ")
          } \\xNN, got ${found}`,
        );
      }
      add(Uint8Array.of(byte), index);
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const ESCAPES: ReadonlyMap<string, number> = new Map([
  ["\\n", 10],
  ["\\r", 13],
  ["\\t", 9],
  ["\\0", 0],
  ["\\\\", 92],
]);

/** Two digits for each byte, with a space between them, sixteen bytes a line. */
export function formatHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    lines.push(Array.from(bytes.subarray(at, at + 16), hexOf).join(" "));
  }
  return lines.join("\n");
}

/** The two digits of a byte. */
export function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
