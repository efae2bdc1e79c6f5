/**
 * Values and errors as short text.
 *
 * @module
 */

import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/codec/mod.ts";
import { hexOf } from "./bytes_text.ts";

/** Most characters, items and levels that are shown. */
const MAX_TEXT = 600;
const MAX_ITEMS = 32;
const MAX_LEVELS = 6;

/** A decoded value, cut where it is long. */
export function showValue(value: unknown): string {
  const text = valueText(value, 0);
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

function valueText(value: unknown, level: number): string {
  if (typeof value === "string") {
    return JSON.stringify(value.slice(0, MAX_TEXT)) +
      (value.length > MAX_TEXT ? "…" : "");
  }
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) {
    const shown = Array.from(value.subarray(0, MAX_ITEMS), hexOf).join(" ");
    return `<${shown}${value.length > MAX_ITEMS ? " …" : ""}>`;
  }
  if (typeof value !== "object" || value === null) return String(value);
  if (level === MAX_LEVELS) return "…";
  const isArray = Array.isArray(value);
  const keys = Object.keys(value)
    .filter((key) => (value as Record<string, unknown>)[key] !== undefined);
  const parts = keys.slice(0, MAX_ITEMS).map((key) => {
    const name = /^[\w$]+$/.test(key)
      ? key
      : JSON.stringify(key.slice(0, MAX_ITEMS));
    const inner = (value as Record<string, unknown>)[key];
    return (isArray ? "" : `${name}: `) + valueText(inner, level + 1);
  });
  if (keys.length > MAX_ITEMS) parts.push("…");
  if (isArray) return `[${parts.join(", ")}]`;
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/** What an error says: its class, its fields, and what to do. */
export interface ErrorReport {
  name: string;
  message: string;
  facts: [name: string, value: string][];
  remedy: string;
}

/** What there is to know about an error of a decoder. */
export function reportError(error: Error): ErrorReport {
  const facts: [string, string][] = [];
  const add = (name: string, value: unknown) => {
    if (value !== undefined) facts.push([name, String(value)]);
  };
  let remedy = "The frames end here.";
  if (error instanceof FrameTooLargeError) {
    add("limit", error.limit);
    add("claimed", error.claimed ?? "more");
    add("skipped", error.skipped);
    remedy = error.skipped
      ? "The frame is dropped as it arrives, and the next one is read."
      : "Is this the framing that the peer speaks? If such frames are expected, raise the " +
        'limit, or let them be dropped with oversize: "skip". The frames end here.';
  } else if (error instanceof MalformedFrameError) {
    add("recoverable", error.recoverable);
    remedy = error.recoverable
      ? "The stream is still in step: the next frame is read."
      : "Nothing says where the next frame begins. The frames end here: close the connection.";
  } else if (error instanceof UnexpectedEofError) {
    add("received", error.received);
    add("expected", error.expected);
    remedy =
      "The peer ended inside a frame, or bytes are missing here. If more would come, " +
      "say that the stream goes on.";
  }
  return { name: error.name, message: error.message, facts, remedy };
}
