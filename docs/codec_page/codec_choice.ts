/**
 * The codecs that the page offers, and their options.
 *
 * @module
 */

import {
  type Codec,
  contentLength,
  delimited,
  fixed,
  type FrameTooLargeError,
  json,
  lengthPrefixed,
  lines,
  netstring,
  packets,
  text,
  type TextCodec,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import { parseEscaped } from "./bytes_text.ts";
import { type DescribedPacket, describePacket } from "./packet_notation.ts";

/** An option of a codec, as a form asks for it. Its value is text; empty is the default. */
export interface OptionChoice {
  name: string;
  /** A whole number, one of a few values, yes or no, or text with escapes. */
  kind: "integer" | "choice" | "boolean" | "bytes";
  /** Of a choice; the first is the default. */
  values?: readonly string[];
  /** What is taken where nothing is given. Text for "bytes". */
  preset: string;
}

/** A way to cut a stream into frames. */
export interface FramingChoice {
  name: string;
  title: string;
  options: readonly OptionChoice[];
  /** Where the bytes of a frame are that are not its content. */
  around: "before" | "behind" | "both" | "none";
  /** What can be in its frames; the first is the default. */
  contents: readonly ContentName[];
}

/** What is in a frame. */
export type ContentName = "bytes" | "text" | "json" | "struct";

const MOST: OptionChoice = {
  name: "maxFrameBytes",
  kind: "integer",
  preset: "1048576",
};
const OVERSIZE: OptionChoice = {
  name: "oversize",
  kind: "choice",
  values: ["fail", "skip"],
  preset: "fail",
};
const AT_EOF: OptionChoice = {
  name: "atEof",
  kind: "choice",
  values: ["error", "emit", "drop"],
  preset: "error",
};
const OF_BYTES: readonly ContentName[] = ["bytes", "text", "json", "struct"];

/** All ways, the most common first. */
export const FRAMINGS: readonly FramingChoice[] = [
  {
    name: "lengthPrefixed",
    title: "a length before each frame",
    around: "before",
    contents: OF_BYTES,
    options: [
      {
        name: "lengthBytes",
        kind: "choice",
        values: ["4", "1", "2", "3", "8"],
        preset: "4",
      },
      {
        name: "byteOrder",
        kind: "choice",
        values: ["big", "little"],
        preset: "big",
      },
      { name: "signed", kind: "boolean", preset: "false" },
      { name: "offset", kind: "integer", preset: "0" },
      { name: "adjust", kind: "integer", preset: "0" },
      { name: "skip", kind: "integer", preset: "offset + lengthBytes" },
      MOST,
      OVERSIZE,
      AT_EOF,
    ],
  },
  {
    name: "varintPrefixed",
    title: "a varint before each frame, as protobuf has it",
    around: "before",
    contents: OF_BYTES,
    options: [MOST, OVERSIZE, AT_EOF],
  },
  {
    name: "lines",
    title: "lines of text",
    around: "behind",
    contents: ["text", "json"],
    options: [
      {
        name: "newline",
        kind: "choice",
        values: ["\\n", "\\r\\n"],
        preset: "\\n",
      },
      { name: "fatal", kind: "boolean", preset: "false" },
      { name: "maxLineBytes", kind: "integer", preset: "65536" },
      { ...OVERSIZE, values: ["fail", "skip", "truncate"] },
      { ...AT_EOF, values: ["emit", "error", "drop"], preset: "emit" },
    ],
  },
  {
    name: "delimited",
    title: "frames up to a delimiter",
    around: "behind",
    contents: OF_BYTES,
    options: [
      { name: "delimiter", kind: "bytes", preset: "\\0" },
      { name: "keepDelimiter", kind: "boolean", preset: "false" },
      MOST,
      { ...OVERSIZE, values: ["fail", "skip", "truncate"] },
      AT_EOF,
    ],
  },
  {
    name: "netstring",
    title: "netstrings: 5:hello,",
    around: "both",
    contents: OF_BYTES,
    options: [MOST, OVERSIZE, AT_EOF],
  },
  {
    name: "contentLength",
    title: "a header block, as language servers have it",
    around: "before",
    contents: ["json", "bytes", "text", "struct"],
    options: [
      { name: "maxHeaderBytes", kind: "integer", preset: "4096" },
      MOST,
      OVERSIZE,
      AT_EOF,
    ],
  },
  {
    name: "fixed",
    title: "frames of one size",
    around: "none",
    contents: OF_BYTES,
    options: [{ name: "frameBytes", kind: "integer", preset: "4" }, AT_EOF],
  },
  {
    name: "packets",
    title: "packets that say their own length",
    around: "none",
    contents: ["struct"],
    options: [MOST],
  },
];

/** What was chosen. */
export interface CodecChoice {
  framing: string;
  /** Values of options by name, as they were typed. */
  options: Readonly<Record<string, string>>;
  content: ContentName;
  /** The description of a packet, where `content` is a struct. */
  struct: string;
}

/** A codec that was made of a choice. */
export interface ChosenCodec {
  codec: Codec<unknown>;
  /** The same frames as bytes, or as text, without what makes values of them. */
  framing: Codec<Uint8Array> | TextCodec | undefined;
  around: FramingChoice["around"];
  described: DescribedPacket | undefined;
  /** How a program makes it. */
  source: string;
}

/** The choice of a framing by its name, or the first. */
export function framingNamed(name: string): FramingChoice {
  return FRAMINGS.find((each) => each.name === name) ?? FRAMINGS[0];
}

/**
 * Makes the codec.
 *
 * @param onOversize Called for each frame that is skipped or cut off.
 * @throws {Error} An option, or the description of a packet, is not what it must be.
 */
export function makeCodec(
  choice: CodecChoice,
  onOversize: (error: FrameTooLargeError) => void,
): ChosenCodec {
  const framing = framingNamed(choice.framing);
  const content = framing.contents.includes(choice.content)
    ? choice.content
    : framing.contents[0];
  const options: Record<string, unknown> = {};
  for (const option of framing.options) {
    const value = valueOf(option, choice.options[option.name] ?? "");
    if (value !== undefined) options[option.name] = value;
  }
  const described = content === "struct"
    ? describePacket(choice.struct)
    : undefined;
  const written = sourceOf(framing, options);
  const hooked = framing.options.includes(OVERSIZE) ||
      framing.options.some(({ name }) => name === "oversize")
    ? { ...options, onOversize }
    : options;
  const around = MAKERS[framing.name]?.(hooked);
  const struct = choice.struct.trim().replace(/;$/, "");
  const packet = struct.startsWith("{") ? `struct(${struct})` : struct;
  return {
    framing: around,
    around: framing.around,
    described,
    codec: wrap(around, content, described, options),
    source: described !== undefined && around === undefined
      ? `packets(${packet}${optionsText(options, ", ")})`
      : content === "struct"
      ? `packets(${packet}, ${written})`
      : content === "json" || content === "text" && framing.name !== "lines"
      ? `${content}(${written})`
      : written,
  };
}

function wrap(
  around: Codec<Uint8Array> | TextCodec | undefined,
  content: ContentName,
  described: DescribedPacket | undefined,
  options: Record<string, unknown>,
): Codec<unknown> {
  if (around === undefined) return packets(described!.packet, options);
  const ofBytes = around as Codec<Uint8Array>;
  if (content === "struct") return packets(described!.packet, ofBytes);
  if (content === "json") return json(around);
  const isText = "frameType" in around && around.frameType === "text";
  return content === "text" && !isText
    ? text(ofBytes, { fatal: true }) as Codec<unknown>
    : around as Codec<unknown>;
}

const MAKERS: Record<
  string,
  (options: Record<string, unknown>) => Codec<Uint8Array> | TextCodec
> = {
  contentLength,
  delimited: (options) => delimited(options as { delimiter: string }),
  fixed: (options) => fixed(options as { frameBytes: number }),
  lengthPrefixed,
  lines,
  netstring,
  varintPrefixed,
};

/** The value of an option, or undefined where it is the codec's own default. */
function valueOf(option: OptionChoice, given: string): unknown {
  const { name, kind, preset } = option;
  const typed = given.trim();
  if (kind === "bytes") return parseEscaped(given === "" ? preset : given);
  if (name === "frameBytes") return Number(typed || preset);
  if (typed === "" || typed === preset) return undefined;
  if (kind === "boolean") return typed === "true";
  if (kind === "integer" || name === "lengthBytes") {
    return typed === "Infinity" ? Infinity : Number(typed);
  }
  return name === "newline" ? "\r\n" : typed;
}

function sourceOf(
  { name }: FramingChoice,
  options: Record<string, unknown>,
): string {
  return `${name}(${optionsText(options, "")})`;
}

function optionsText(options: Record<string, unknown>, before: string): string {
  const entries = Object.entries(options).map(([name, value]) =>
    `${name}: ${
      value instanceof Uint8Array
        ? `new Uint8Array([${value.join(", ")}])`
        : typeof value === "string"
        ? JSON.stringify(value)
        : value
    }`
  );
  return entries.length === 0 ? "" : `${before}{ ${entries.join(", ")} }`;
}
