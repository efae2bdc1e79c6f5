/**
 * Certificates and keys in PEM form, read far enough to tell broken ones when options are
 * checked: Deno ignores authorities that it cannot read, and the peer is then refused
 * with a misleading error.
 *
 * `node:crypto` would read all of it, but takes some 50 ms to load.
 *
 * @module
 */

/**
 * What stands in front of one block and behind it, and the base64 between. Deno passes over
 * blocks that do not begin with their line, as where two texts were joined without one.
 */
const BLOCK = /^-----BEGIN ([A-Z0-9 ]+)-----([^-]*)^-----END \1-----/gm;

/** What a block of PEM can be: there are several kinds of keys. */
export type PemLabel = "CERTIFICATE" | "PRIVATE KEY";

/** The DER bytes of all blocks of this kind; `undefined` if one is damaged. */
export function readPem(
  text: string,
  label: PemLabel,
): Uint8Array<ArrayBuffer>[] | undefined {
  // A block that began and did not end was cut off.
  const begun = text.split("-----BEGIN ").length - 1;
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length !== begun) return undefined;
  const all: Uint8Array<ArrayBuffer>[] = [];
  for (const [, kind, base64] of blocks) {
    const isWanted = label === "CERTIFICATE"
      ? kind === label
      : kind.endsWith(label);
    if (!isWanted) continue;
    const der = fromBase64(base64);
    if (der === undefined || !isSequence(der)) return undefined;
    all.push(der);
  }
  return all;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

/** One element of DER: its tag, and where its content begins and ends. */
interface Element {
  tag: number;
  start: number;
  end: number;
}

/** The element at `at`; `undefined` unless it ends at `limit` or before. */
function elementAt(
  der: Uint8Array,
  at: number,
  limit: number,
): Element | undefined {
  const tag = der[at];
  let length = der[at + 1];
  let start = at + 2;
  if (start > limit) return undefined;
  if (length > 0x80) {
    const count = length & 0x7f;
    if (count > 4 || start + count > limit) return undefined;
    length = 0;
    for (; start < at + 2 + count; start++) length = length * 256 + der[start];
  } else if (length === 0x80) {
    return undefined;
  }
  return start + length <= limit
    ? { tag, start, end: start + length }
    : undefined;
}

const SEQUENCE = 0x30;

/** Whether it is one sequence from end to end, as keys and certificates are. */
function isSequence(der: Uint8Array): boolean {
  const element = elementAt(der, 0, der.length);
  return element?.tag === SEQUENCE && element.end === der.length;
}

/** The elements of a sequence; `undefined` if they do not fill it. */
function elementsOf(der: Uint8Array, of: Element): Element[] | undefined {
  const elements: Element[] = [];
  for (let at = of.start; at < of.end;) {
    const element = elementAt(der, at, of.end);
    if (element === undefined) return undefined;
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/**
 * The version of an X.509 certificate, from 1 to 3; `undefined` for what has not the form
 * of one: to-be-signed part, algorithm, signature.
 */
export function certificateVersion(der: Uint8Array): number | undefined {
  const whole = elementAt(der, 0, der.length);
  if (whole?.tag !== SEQUENCE || whole.end !== der.length) return undefined;
  const parts = elementsOf(der, whole);
  if (parts?.length !== 3 || parts[0].tag !== SEQUENCE) return undefined;
  const fields = elementsOf(der, parts[0]);
  // Serial number, algorithm, issuer, validity, subject, key: six at least.
  if (fields === undefined || fields.length < 6) return undefined;
  const [version] = fields;
  if (version.tag !== 0xa0) return 1;
  const isOneByte = version.end - version.start === 3 &&
    der[version.start] === 2 && der[version.start + 1] === 1;
  return isOneByte ? der[version.start + 2] + 1 : undefined;
}
