/**
 * Frames of JSON.
 *
 * @module
 */

import { MalformedFrameError } from "../errors.ts";
import type { Codec, TextCodec } from "./codec.ts";
import { badOption, show } from "./_options.ts";
import { lines } from "./lines.ts";
import { mapped } from "./mapped.ts";
import { text } from "./text.ts";

/** Options of {@linkcode json}. */
export interface JsonOptions {
  /** Transforms every value that is parsed, as in `JSON.parse`. */
  reviver?: (this: unknown, key: string, value: unknown) => unknown;
}

/**
 * A codec whose frames are JSON documents, in the frames of `codec`: one a line by
 * default, `json(contentLength())` for language servers.
 *
 * A frame that is not a document is a `MalformedFrameError` that has the frame and
 * is `recoverable`: the next one still comes. The types say what you expect and
 * check nothing: a document is what the peer sent. Encoding throws `TypeError` for
 * a value that JSON cannot express. What `codec` throws passes through.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @param codec Where frames come from and go to; lines of UTF-8 by default.
 * @param options How values are parsed.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is not what it must be.
 *
 * @example
 * ```ts
 * import { ByteQueue, json } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new ByteQueue();
 * bytes.append(new TextEncoder().encode('{"id":1}\n[2,3]\n'));
 * const decoder = json().decoder();
 * assertEquals(decoder.decode(bytes), { id: 1 });
 * assertEquals(decoder.decode(bytes), [2, 3]);
 * ```
 */
export function json<In = unknown, Out = In>(
  codec: TextCodec | Codec<Uint8Array> = lines({ fatal: true }),
  options: JsonOptions = {},
): Codec<In, Out> {
  const { reviver } = options;
  if (reviver !== undefined && typeof reviver !== "function") {
    throw badOption("json", "reviver", "a function", reviver);
  }
  return mapped(
    isText(codec) ? codec : text(codec, { fatal: true }),
    (document) => parse(document, reviver) as In,
    stringify,
  );
}

function isText(codec: TextCodec | Codec<Uint8Array>): codec is TextCodec {
  return "frameType" in codec && codec.frameType === "text";
}

function parse(document: string, reviver: JsonOptions["reviver"]): unknown {
  try {
    return JSON.parse(document, reviver);
  } catch (cause) {
    throw new MalformedFrameError(
      `Cannot decode a frame as its text must be a JSON document: current value is ${
        show(document)
      }`,
      { cause, frame: document, recoverable: true, operation: "decode" },
    );
  }
}

function stringify(value: unknown): string {
  // Not a string, whatever the types say, for undefined, functions and symbols.
  const document: unknown = JSON.stringify(value);
  if (typeof document === "string") return document;
  throw new TypeError(
    `Cannot encode a value as JSON must be able to express it: current value is ${
      show(value)
    }`,
  );
}
