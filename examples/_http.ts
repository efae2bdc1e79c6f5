/**
 * As much of HTTP/1.1 as the applications need: to read the head of a request, and to
 * know one where it does not belong.
 *
 * Web pages talk to servers that are not theirs: any page can make its browser send a
 * `POST` to 127.0.0.1, with lines of the page's own in it. A server of lines must hang
 * up on that before it takes one of them for a command.
 *
 * @module
 */

/** Three words, with one space between them. */
const STRICT_LINE = /^([\w!#$%&'*+.^`|~-]+) ([\x21-\x7e]+) HTTP\/1\.[01]$/;
/** A name, a colon right behind it, and a value on the same line. */
const HEADER = /^([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e\x80-\xff]*)$/;
/** Of these, two could be understood in two ways. */
const ONCE = new Set([
  ...["host", "content-length", "transfer-encoding", "origin"],
  ...["authorization", "proxy-authorization"],
]);

/** What a request begins with. */
export interface RequestHead {
  method: string;
  /** What is asked for, as it was written. */
  target: string;
  /** By their names in lower case. */
  headers: Map<string, string>;
}

/**
 * Reads the head of a request, up to and with its empty line. Strictly: what two
 * readers of the same bytes could understand in two ways is refused.
 *
 * @returns Undefined if it is none.
 */
export function parseRequestHead(bytes: Uint8Array): RequestHead | undefined {
  const head = new TextDecoder("latin1").decode(bytes);
  if (!head.endsWith("\r\n\r\n")) return undefined;
  const [first, ...lines] = head.slice(0, -4).split("\r\n");
  const [, method, target] = STRICT_LINE.exec(first) ?? [];
  if (method === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    if (headers.has(key) && ONCE.has(key)) return undefined;
    headers.set(key, value.trim());
  }
  return { method, target, headers };
}

const REQUEST_LINE = /^[^\s:]+ \S+ HTTP\/\d/;
const METHOD =
  /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (\/|\*|https?:)/;
const HOST = /^host:/i;
/** How TLS begins: further on are tickets, which a page's own server chose. */
// deno-lint-ignore no-control-regex -- it is no text
const TLS_HELLO = /^\x16\x03/;

/**
 * Whether a client speaks HTTP, in the clear or inside TLS, by a line of it, or by the first
 * bytes that it sends. Pages choose neither the first word of a request nor the name of
 * `Host`, nor how TLS begins.
 */
export function looksLikeHttp(start: string | Uint8Array): boolean {
  const text = typeof start === "string"
    ? start
    : new TextDecoder("latin1").decode(start.subarray(0, 2_048));
  const [line] = text.split(/\r?\n/, 1);
  return [REQUEST_LINE, METHOD, HOST, TLS_HELLO].some((each) =>
    each.test(line)
  );
}
