/**
 * Replies as `redis-cli` shows them: `(integer) 1`, `"text"`, numbered lists.
 *
 * Whatever a server says, only printable ASCII comes out, so that it can do nothing to a
 * terminal: other bytes of strings are written `\x1b`, other characters of errors as well.
 *
 * @module
 */

import {
  Distinct,
  Double,
  Failure,
  NOTHING,
  Pairs,
  Push,
  type Reply,
  Status,
  Verbatim,
} from "./reply.ts";

const ESCAPES: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
};

/** A reply in lines, without the last line's end. Characters of strings are bytes. */
export function formatReply(reply: Reply): string {
  const lines: string[] = [];
  write(reply, "", "", lines);
  return lines.join("\n");
}

/** A string in quotes, as it can be typed. */
export function quote(text: string): string {
  return `"${
    text.replaceAll(/["\\]|[^ -~]/g, (character) => {
      return ESCAPES[character] ?? hex(character);
    })
  }"`;
}

/** A line of the server's with nothing in it but printable ASCII. */
export function plainText(text: string): string {
  return text.replaceAll(/[^ -~]/g, hex);
}

function hex(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u{${code.toString(16)}}`;
}

/**
 * Writes a reply.
 *
 * @param first What stands before its first line.
 * @param indent What stands before the others.
 */
function write(
  reply: Reply,
  first: string,
  indent: string,
  lines: string[],
): void {
  const list = listOf(reply);
  if (list === undefined) {
    lines.push(first + single(reply));
    return;
  }
  const { items, sign, name } = list;
  if (items.length === 0) {
    lines.push(`${first}(empty ${name})`);
    return;
  }
  const width = String(items.length).length;
  const inner = indent + " ".repeat(width + 2);
  items.forEach((item, i) => {
    const number = `${String(i + 1).padStart(width)}${sign} `;
    let before = (i === 0 ? first : indent) + number;
    if (reply instanceof Pairs) {
      const [key, value] = reply.entries[i];
      before += `${formatReply(key)} => `;
      item = value;
      // A list has its own lines.
      if ((listOf(value)?.items.length ?? 0) > 1) {
        lines.push(before);
        before = inner;
      }
    }
    write(item, before, inner, lines);
  });
}

/** What has items, with the sign behind each number. */
function listOf(
  reply: Reply,
): { items: readonly Reply[]; sign: string; name: string } | undefined {
  if (Array.isArray(reply)) return { items: reply, sign: ")", name: "array" };
  if (reply instanceof Distinct) {
    return { items: reply.items, sign: "~", name: "set" };
  }
  if (reply instanceof Push) {
    return { items: reply.items, sign: ">", name: "push" };
  }
  if (reply instanceof Pairs) {
    return {
      items: reply.entries.map(([, value]) => value),
      sign: "#",
      name: "hash",
    };
  }
  return undefined;
}

/** A reply that is one line. */
function single(reply: Reply): string {
  if (typeof reply === "string") return quote(reply);
  if (typeof reply === "number" || typeof reply === "bigint") {
    return `(integer) ${reply}`;
  }
  if (typeof reply === "boolean") return `(${reply})`;
  if (reply === null || reply === NOTHING) return "(nil)";
  if (reply instanceof Status) return plainText(reply.text);
  if (reply instanceof Failure) return `(error) ${plainText(reply.text)}`;
  if (reply instanceof Double) return `(double) ${reply.value}`;
  if (reply instanceof Verbatim) {
    return reply.text.split("\n").map(plainText).join("\n");
  }
  return "(unknown)";
}

/** A reply as its bytes, items on lines of their own: for other programs. */
export function rawReply(reply: Reply): string {
  const list = listOf(reply);
  if (reply instanceof Pairs) {
    return reply.entries.flat().map(rawReply).join("\n");
  }
  if (list !== undefined) return list.items.map(rawReply).join("\n");
  if (typeof reply === "string") return reply;
  if (reply === null || reply === NOTHING) return "";
  if (
    reply instanceof Status || reply instanceof Failure ||
    reply instanceof Verbatim
  ) return reply.text;
  return single(reply).replace(/^\(\w+\) /, "");
}
