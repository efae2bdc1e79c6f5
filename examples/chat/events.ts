/**
 * What servers of one chat tell each other.
 *
 * @module
 */

import { cleanText } from "../_safe_text.ts";
import type { Remark } from "./marks.ts";

/** Something that happened on one server. */
export type ChatEvent =
  /** A member said something. */
  | { type: "said"; room: string } & Remark
  /** A room was told of a member; not remembered. */
  | { type: "noted"; room: string; what: string }
  /** One person was told something. */
  | { type: "told"; name: string; key: string; line: string }
  /** A member is in a room. */
  | { type: "came"; name: string; room: string; key: string }
  /** No member of this name is connected there any more. */
  | { type: "left"; name: string }
  /** A member has come back on another server. */
  | { type: "replaced"; name: string; key: string }
  /** Sent every few seconds: who is there, and the last number of each room. */
  | {
    type: "state";
    members: [name: string, room: string, key: string][];
    rooms: [name: string, publisher: string, said: number][];
  }
  /** What a room remembers. */
  | {
    type: "memory";
    room: string;
    position: string;
    remarks: readonly Remark[];
  };

/** What is sent between servers: an event, or a question. */
export type Message = ChatEvent | { type: "hello" } | { type: "bye" };

type Shape = "text" | "number" | readonly Shape[] | {
  readonly [name: string]: Shape;
};

const REMARK = {
  publisher: "text",
  sequence: "number",
  at: "number",
  line: "text",
} as const;

/** What each kind has. An array stands for any number of its one element, or for a tuple. */
const SHAPES: Readonly<
  Record<Message["type"], Readonly<Record<string, Shape>>>
> = {
  said: { room: "text", ...REMARK },
  noted: { room: "text", what: "text" },
  told: { name: "text", key: "text", line: "text" },
  came: { name: "text", room: "text", key: "text" },
  left: { name: "text" },
  replaced: { name: "text", key: "text" },
  state: {
    members: [["text", "text", "text"]],
    rooms: [["text", "text", "number"]],
  },
  memory: { room: "text", position: "text", remarks: [REMARK] },
  hello: {},
  bye: {},
};

/** Reads what another server sent; undefined where it is no message. */
export function parseMessage(
  data: Uint8Array,
): { server: string; message: Message } | undefined {
  try {
    const { server, message } = JSON.parse(new TextDecoder().decode(data));
    const shape = Object.hasOwn(SHAPES, message.type)
      ? SHAPES[message.type as Message["type"]]
      : undefined;
    if (shape === undefined || !fits(server, "text")) return undefined;
    return fits(message, shape) ? { server, message } : undefined;
  } catch {
    // It is not JSON, or not of an object.
    return undefined;
  }
}

function fits(value: unknown, shape: Shape): boolean {
  // Nothing that could steer a terminal, or is two lines.
  if (shape === "text") {
    return typeof value === "string" && cleanText(value) === value;
  }
  if (shape === "number") return Number.isSafeInteger(value);
  if (shape instanceof Array) {
    if (!(value instanceof Array)) return false;
    return shape.length === 1
      ? value.every((each) => fits(each, shape[0]))
      : value.length === shape.length &&
        shape.every((each, i) => fits(value[i], each));
  }
  return typeof value === "object" && value !== null &&
    Object.entries(shape).every(([name, each]) =>
      fits((value as Record<string, unknown>)[name], each)
    );
}
