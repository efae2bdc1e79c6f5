/**
 * Who the peer is, and whether it may be: the second look at what `node:tls` accepted.
 *
 * @module
 */

import { plainHex } from "./_check_options.ts";
import { certificateVersion } from "./_pem.ts";
import type { PeerCertificate, PeerCheckOptions } from "./options.ts";
import { HandshakeRefusal } from "./translate_error.ts";

const nodeCrypto = () => globalThis.process.getBuiltinModule("node:crypto");
/** A certificate, as `node:crypto` reads it. */
export type Certificate = InstanceType<
  ReturnType<typeof nodeCrypto>["X509Certificate"]
>;

/** A session of `node:tls`, as far as it is asked for certificates. */
interface CertificateSource {
  getPeerCertificate(detailed: true): DetailedCertificate;
}

interface DetailedCertificate {
  /** Absent where the peer showed none, and then all else is. */
  raw?: Uint8Array;
  subject: { CN?: string | string[] };
  subjectaltname?: string;
  fingerprint256: string;
  issuerCertificate?: DetailedCertificate;
}

/** What the peer sent, its own certificate first; empty where it was asked for none. */
export function presentedBy(source: CertificateSource): Certificate[] {
  const { X509Certificate } = nodeCrypto();
  const seen = new Set<unknown>();
  const all: Certificate[] = [];
  let next: DetailedCertificate | undefined = source.getPeerCertificate(true);
  while (next?.raw !== undefined && !seen.has(next)) {
    seen.add(next);
    all.push(new X509Certificate(next.raw as Uint8Array<ArrayBuffer>));
    next = next.issuerCertificate;
  }
  return all;
}

/** What users are told of the peer's certificate. */
export function describePeer(source: CertificateSource): PeerCertificate {
  const { subject, subjectaltname, fingerprint256, raw } = source
    .getPeerCertificate(true);
  const [commonName] = [subject.CN].flat();
  return {
    commonName,
    subjectAltName: subjectaltname,
    fingerprint256,
    der: new Uint8Array(raw!),
  };
}

const isSame = (a: Certificate, b: Certificate): boolean =>
  a.fingerprint256 === b.fingerprint256;

/**
 * Throws where the certificates were let pass without a signature.
 *
 * Deno (2.9) takes certificates on `node:tls` that its TLS library cannot read: those of
 * X.509 version 1, and malformed ones. It then compares the *names* of issuers with the
 * authorities that were given and skips all signatures, that of the handshake too, so
 * that anyone can make one (`NodeServerCertVerifier` in ext/node/ops/tls_wrap.rs).
 * Hence: version 3 only, and a chain that leads to one of `authorities` by name must do so
 * by signature. Where no authorities are given, Deno has none to compare names with.
 */
export function checkSignatures(
  presented: readonly Certificate[],
  authorities: readonly Certificate[],
): void {
  const given = (one: Certificate): boolean =>
    authorities.some((authority) => isSame(authority, one));
  for (const [i, one] of presented.entries()) {
    const isAuthority = i > 0 && given(one);
    if (!isAuthority && certificateVersion(one.raw) !== 3) {
      throw new HandshakeRefusal(
        "bad-certificate",
        "a certificate of the peer is not of X.509 version 3",
      );
    }
  }
  const names = new Set(authorities.map(({ subject }) => subject));
  const [own] = presented;
  if (!presented.some(({ issuer }) => names.has(issuer)) && !given(own)) return;
  if (!isSigned(own, presented.slice(1), authorities)) {
    throw new HandshakeRefusal(
      "unknown-issuer",
      "the certificate of the peer does not bear the signature of its issuer",
    );
  }
}

function isSigned(
  one: Certificate,
  others: readonly Certificate[],
  authorities: readonly Certificate[],
): boolean {
  const now = new Date();
  if (now < one.validFromDate || now > one.validToDate) return false;
  const signed = (issuer: Certificate): boolean =>
    issuer.subject === one.issuer && issuer.ca &&
    one.verify(issuer.publicKey);
  return authorities.some((each) => isSame(each, one) || signed(each)) ||
    others.some((each) =>
      signed(each) &&
      isSigned(each, others.filter((other) => other !== each), authorities)
    );
}

/**
 * Asks the user's own questions: pins, then `verify`.
 *
 * @throws {HandshakeRefusal} The certificate is not the one, or `verify` refused it.
 */
export async function askAbout(
  peer: PeerCertificate,
  { pinnedFingerprint256, verify }: PeerCheckOptions,
): Promise<void> {
  if (pinnedFingerprint256 !== undefined) {
    const pins = typeof pinnedFingerprint256 === "string"
      ? [pinnedFingerprint256]
      : pinnedFingerprint256;
    const own = plainHex(peer.fingerprint256);
    if (!pins.some((pin) => plainHex(pin) === own)) {
      throw new HandshakeRefusal(
        "wrong-fingerprint",
        `the peer's certificate is not pinned, its fingerprint is ${peer.fingerprint256}`,
      );
    }
  }
  if (verify === undefined) return;
  try {
    await verify(peer);
  } catch (cause) {
    throw new HandshakeRefusal(
      "refused-by-verify",
      "verify refused the peer's certificate",
      { cause },
    );
  }
}
