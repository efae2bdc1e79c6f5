/**
 * Frames of JSON.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkMethods,
  checkNames,
  show,
  thrownText,
  wrongKind,
} from "../_check.ts";
import { MalformedFrameError } from "../errors.ts";
import type { Codec, TextCodec } from "./codec.ts";
import { refusePromise } from "./encode_frame.ts";
import { lines } from "./lines.ts";
import { mappedCodec } from "./mapped.ts";
import { text } from "./text.ts";

/**
 * Options of {@linkcode json}.
 *
 * @category Frames and codecs
 */
export interface JsonOptions {
  /** Transforms every value that is parsed, as in `JSON.parse`. */
  reviver?:
    | ((this: unknown, key: string, value: unknown) => unknown)
    | undefined;
  /**
   * Whether the document `null` is a frame like any other. `Framed.receive` cannot
   * tell it from the end of the stream and refuses it: loop over the frames, or over
   * `batches()`.
   *
   * @default {false}
   */
  allowNull?: boolean | undefined;
}

const OPTION_NAMES = new Set(["reviver", "allowNull"]);
/** The byte order mark, as a character. */
const MARK = 0xfeff;
const SPACE = 32;

/**
 * A codec whose frames are JSON documents, in the frames of `codec`: one a line by
 * default, `json(contentLength())` for language servers.
 *
 * A frame that is not a document is a `MalformedFrameError` that has the frame and
 * is `recoverable`: the next one still comes. The same holds for the document `null`,
 * which a reader could take for the end of the stream, unless `allowNull` is set; `null`
 * inside a document is fine. A byte order mark before a document is passed over, and
 * so are blank frames of a codec of text, as {@linkcode lines} is.
 *
 * A frame that is cut short may be another document: of `12345` without its end, `123`
 * comes. With lines, that is what stands before the end of the stream without a newline,
 * unless their `atEof` is `"error"`, and what is above their limit where `oversize` is
 * `"truncate"`.
 *
 * The types say what you expect and check nothing: a document is what the peer sent.
 * Encoding throws `TypeError` for a value that JSON cannot express, or expresses as
 * `null` without `allowNull`. What `codec` throws passes through.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @param codec Where frames come from and go to; lines of UTF-8 by default.
 * @param options How values are parsed.
 * @returns A codec for any number of connections.
 * @throws {TypeError} An argument is of the wrong kind, or an option has an unknown
 * name.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteQueue, json } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new ByteQueue();
 * bytes.append(new TextEncoder().encode('{"id":1}\n\n[2,3]\n'));
 * const decoder = json().decoder();
 * assertEquals(decoder.decode(bytes), { id: 1 });
 * assertEquals(decoder.decode(bytes), [2, 3]);
 * ```
 */
export function json<In = unknown, Out = In>(
  codec: TextCodec | Codec<Uint8Array> = lines({ fatal: true }),
  options: JsonOptions = {},
): Codec<In, Out> {
  const action = "make a json codec";
  checkNames(action, "options", options, OPTION_NAMES);
  checkMethods(action, "codec", codec, ["decoder", "encoder"]);
  const { reviver, allowNull = false } = options;
  if (reviver !== undefined) checkFunction(action, "reviver", reviver);
  checkBoolean(action, "allowNull", allowNull);
  const isText = "frameType" in codec && codec.frameType === "text";
  return mappedCodec(
    isText ? codec : text(codec as Codec<Uint8Array>, { fatal: true }),
    (frame: string) => {
      const document = trimStart(frame);
      if (document === "" && isText) return undefined;
      const value = parse(document, reviver, frame);
      if (value === undefined) {
        refuse("its reviver made undefined of it", frame);
      }
      if (value === null && !allowNull) {
        refuse("null would mean the end of the stream (see allowNull)", frame);
      }
      return value as In;
    },
    (value: Out) => stringify(value, allowNull),
  );
}

/** Without a byte order mark, and without the white space that JSON allows. */
function trimStart(frame: string): string {
  const first = frame.charCodeAt(0);
  if (first > SPACE && first !== MARK) return frame;
  return frame.slice(first === MARK ? 1 : 0).replace(/^[ \t\r\n]+/, "");
}

function parse(
  document: string,
  reviver: JsonOptions["reviver"],
  frame: string,
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(document, reviver);
  } catch (cause) {
    const why = reviver !== undefined && isDocument(document)
      ? `its content was refused: ${thrownText(cause)}`
      : `it must be a JSON document, got ${show(document)}`;
    refuse(why, frame, cause);
  }
  if (reviver !== undefined && value instanceof Promise) {
    refusePromise(value, "decode");
  }
  return value;
}

function isDocument(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function refuse(why: string, frame: string, cause?: unknown): never {
  throw new MalformedFrameError(`Cannot decode a frame: ${why}`, {
    ...(cause === undefined ? undefined : { cause }),
    frame,
    recoverable: true,
    operation: "decode",
  });
}

function stringify(value: unknown, allowNull: boolean): string {
  const action = "encode a frame";
  const must = "one that JSON can express";
  // Not a string, whatever the types say, for undefined, functions and symbols.
  let document: unknown;
  try {
    document = JSON.stringify(value);
  } catch (cause) {
    // A bigint or a circle in it, more levels than there is stack, or its own `toJSON`.
    const [why] = thrownText(cause).split("\n");
    throw new TypeError(
      `Cannot ${action}: value must be ${must}, got ${show(value)} (${why})`,
      { cause },
    );
  }
  if (typeof document !== "string") {
    throw wrongKind(action, "value", must, value);
  }
  if (document === "null" && !allowNull) {
    throw new TypeError(
      `Cannot ${action}: value must not be null in JSON, got ${
        show(value)
      } (see allowNull)`,
    );
  }
  return document;
}
