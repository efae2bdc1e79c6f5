/**
 * What is on the page, and as the part of an address behind `#`.
 *
 * @module
 */

import {
  type CodecChoice,
  type ContentName,
  framingNamed,
  FRAMINGS,
} from "./codec_choice.ts";

/** What a visitor gave. */
export interface PageState {
  /** Whether `bytes` are digits or text. */
  input: "hex" | "text";
  bytes: string;
  /** Whether nothing comes behind the bytes. */
  hasEnded: boolean;
  choice: CodecChoice;
}

/** Longest address that is made, and read. */
export const MAX_HASH = 16_384;

/** The state as text for an address, or undefined where it would be too long. */
export function hashOf(
  { input, bytes, hasEnded, choice }: PageState,
): string | undefined {
  const params = new URLSearchParams({
    codec: choice.framing,
    content: choice.content,
  });
  for (const [name, value] of Object.entries(choice.options)) {
    if (value !== "") params.set(`option.${name}`, value);
  }
  if (choice.content === "struct") params.set("struct", choice.struct);
  if (!hasEnded) params.set("more", "1");
  params.set(input, bytes);
  const hash = params.toString();
  return hash.length <= MAX_HASH ? hash : undefined;
}

/**
 * Reads what {@linkcode hashOf} wrote. What an address may hold is not ours: names that are not
 * known are passed over, and values are text until a codec is made of them.
 *
 * @returns The state, or undefined where there is none.
 */
export function readHash(hash: string): PageState | undefined {
  const text = hash.replace(/^#/, "");
  if (text === "" || text.length > MAX_HASH) return undefined;
  const params = new URLSearchParams(text);
  const name = params.get("codec") ?? "";
  if (!FRAMINGS.some((framing) => framing.name === name)) return undefined;
  const framing = framingNamed(name);
  const content = params.get("content") as ContentName;
  const options: Record<string, string> = {};
  for (const option of framing.options) {
    const value = params.get(`option.${option.name}`);
    if (value !== null) options[option.name] = value;
  }
  const input = params.has("text") ? "text" : "hex";
  return {
    input,
    bytes: params.get(input) ?? "",
    hasEnded: params.get("more") !== "1",
    choice: {
      framing: name,
      options,
      content: framing.contents.includes(content)
        ? content
        : framing.contents[0],
      struct: params.get("struct") ?? "",
    },
  };
}

/** A state that shows something. */
export interface Example extends PageState {
  title: string;
}

const NO_STRUCT = { struct: "", options: {} };

/** The first is what the page begins with. */
export const EXAMPLES: readonly Example[] = [
  {
    title: "Typed packets of a thermometer, the last one cut short",
    input: "hex",
    bytes: "00 0c 01 00 07 6b 69 74 63 68 65 6e 00 d7\n" +
      "00 0a 01 00 05 61 74 74 69 63 ff f6\n" +
      "00 0b 01 00 06 67 61 72",
    hasEnded: true,
    choice: {
      framing: "lengthPrefixed",
      options: { lengthBytes: "2" },
      content: "struct",
      struct: "{\n  version: u8,\n  room: utf8(u16),\n  tenths: i16,\n}",
    },
  },
  {
    title: "Two frames, then a TLS handshake",
    input: "hex",
    bytes:
      "00 00 00 05 68 65 6c 6c 6f\n00 00 00 02 68 69\n16 03 01 00 c8 01 00 00 c4 03 03",
    hasEnded: true,
    choice: { ...NO_STRUCT, framing: "lengthPrefixed", content: "text" },
  },
  {
    title: "MQTT packets, which say their own length",
    input: "hex",
    bytes: "10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 73 6c 75 69\n" +
      "32 0b 00 03 61 2f 62 00 01 68 65 6c 6c\nc0 00",
    hasEnded: true,
    choice: {
      framing: "packets",
      options: {},
      content: "struct",
      struct:
        "struct({\n  head: bits({ type: 4, dup: bool, qos: 2, retain: bool }),\n" +
        "  body: bytes(varint()),\n})",
    },
  },
  {
    title: "Strict lines, and a newline that does not belong there",
    input: "text",
    bytes:
      "HELO example.org\\r\\nMAIL FROM:<a@example.org>\\nRCPT TO:<b@example.org>\\r\\n",
    hasEnded: true,
    choice: {
      framing: "lines",
      options: { newline: "\\r\\n" },
      content: "text",
      struct: "",
    },
  },
  {
    title: "A language server's messages, one of which is no JSON",
    input: "text",
    bytes: 'Content-Length: 24\\r\\n\\r\\n{"id":1,"method":"ping"}' +
      "Content-Length: 5\\r\\n\\r\\n{nope" +
      'Content-Length: 8\\r\\n\\r\\n{"id":2}',
    hasEnded: true,
    choice: { ...NO_STRUCT, framing: "contentLength", content: "json" },
  },
  {
    title: "A union: messages of several kinds",
    input: "hex",
    bytes:
      "0c 01 00 00 00 07 02 00 01 ff ff 00 02\n09 02 00 00 00 07 00 02 68 69",
    hasEnded: false,
    choice: {
      framing: "lengthPrefixed",
      options: { lengthBytes: "1" },
      content: "struct",
      struct: "union({ type: enumOf(u8, { move: 1, say: 2 }) }, {\n" +
        "  move: { player: u32, path: array({ x: i16, y: i8 }, u8) },\n" +
        "  say: { player: u32, text: utf8(u16) },\n})",
    },
  },
  {
    title: "Frames that are too large are skipped",
    input: "text",
    bytes: "3:abc,12:a long frame,2:ok,",
    hasEnded: true,
    choice: {
      framing: "netstring",
      options: { maxFrameBytes: "8", oversize: "skip" },
      content: "text",
      struct: "",
    },
  },
];
