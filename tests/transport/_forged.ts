/**
 * Certificates that no authority signed, in forms that Deno's TLS library cannot read.
 *
 * @module
 */

import type { Certificate } from "../_support/certificates.ts";

/** One element of DER, with its tag and length. */
type Element = Uint8Array;

function decode(pem: string): Uint8Array {
  const base64 = pem.replace(/-----[^-]+-----/g, "");
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function encode(der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).replace(/.{64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** Where the content of an element begins. */
function contentOf(element: Element): number {
  return element[1] < 0x80 ? 2 : 2 + (element[1] & 0x7f);
}

function elementsOf(parent: Element): Element[] {
  const elements: Element[] = [];
  for (let at = contentOf(parent); at < parent.length;) {
    const first = parent[at + 1];
    const count = first < 0x80 ? 0 : first & 0x7f;
    let length = count === 0 ? first : 0;
    for (let i = 0; i < count; i++) length = length * 256 + parent[at + 2 + i];
    elements.push(parent.slice(at, at + 2 + count + length));
    at += 2 + count + length;
  }
  return elements;
}

function element(tag: number, content: Uint8Array): Element {
  const { length } = content;
  const header = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return Uint8Array.from([...header, ...content]);
}

const sequence = (elements: Element[]): Element =>
  element(0x30, Uint8Array.from(elements.flatMap((each) => [...each])));

/** How a forged certificate is unreadable. */
export type Flaw = "version 1" | "malformed";

/**
 * Makes a certificate that names the issuer of `model` and bears no signature of it.
 *
 * @param stranger Issued by anyone; its key is the attacker's.
 * @param model Issued by the authority that is to seem the issuer.
 */
export function forge(
  stranger: Certificate,
  model: Certificate,
  flaw: Flaw,
): Certificate {
  const [tbs, algorithm, signature] = elementsOf(decode(stranger.cert));
  const fields = elementsOf(tbs);
  // Version, serial number, algorithm, issuer, validity, subject, key, extensions.
  fields[3] = elementsOf(elementsOf(decode(model.cert))[0])[3];
  if (flaw === "version 1") {
    fields.shift();
    fields.pop();
  } else {
    // A time without its seconds.
    const since = element(0x17, new TextEncoder().encode("2501010000Z"));
    fields[4] = sequence([since, elementsOf(fields[4])[1]]);
  }
  const cert = encode(sequence([sequence(fields), algorithm, signature]));
  return { cert, key: stranger.key };
}
