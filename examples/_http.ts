/**
 * Web pages talk to servers that are not theirs: any page can make its browser send a
 * `POST` to 127.0.0.1, with lines of the page's own in it. A server of lines must hang
 * up on that before it takes one of them for a command.
 *
 * @module
 */

const REQUEST_LINE = /^[^\s:]+ \S+ HTTP\/\d/;
const METHOD =
  /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (\/|\*|https?:)/;
const HOST = /^host:/i;

/**
 * Whether a client speaks HTTP, by a line of it, or by the first bytes that it sends.
 * Browsers choose neither the first word of a request nor the name of `Host`.
 */
export function looksLikeHttp(start: string | Uint8Array): boolean {
  const text = typeof start === "string"
    ? start
    : new TextDecoder("latin1").decode(start.subarray(0, 2_048));
  const [line] = text.split(/\r?\n/, 1);
  return REQUEST_LINE.test(line) || METHOD.test(line) || HOST.test(line);
}
