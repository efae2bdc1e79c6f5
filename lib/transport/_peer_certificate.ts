/**
 * The peer's certificate: a second check of what `node:tls` accepted.
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

/** Most certificates that a peer may send: more than an honest chain has. */
const MAX_PRESENTED = 16;

/**
 * What the peer sent, its own certificate first.
 *
 * @throws {HandshakeRefusal} It sent none, or too many.
 */
export function presentedBy(source: CertificateSource): Certificate[] {
  const { X509Certificate } = nodeCrypto();
  const seen = new Set<unknown>();
  const all: Certificate[] = [];
  let next: DetailedCertificate | undefined = source.getPeerCertificate(true);
  while (next?.raw !== undefined && !seen.has(next)) {
    seen.add(next);
    if (all.length === MAX_PRESENTED) {
      const most = `the peer sends more than ${MAX_PRESENTED} certificates`;
      throw new HandshakeRefusal("bad-certificate", most);
    }
    all.push(new X509Certificate(next.raw as Uint8Array<ArrayBuffer>));
    next = next.issuerCertificate;
  }
  if (all.length === 0) {
    throw new HandshakeRefusal("bad-certificate", "the peer sends none");
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
 * Throws where a certificate is of a version that Deno's TLS library cannot read: see
 * {@linkcode checkSignatures}. Authorities that are trusted anyway may be.
 */
export function checkVersions(
  [own, ...others]: readonly Certificate[],
  authorities: readonly Certificate[],
): void {
  const isGiven = (one: Certificate): boolean =>
    authorities.some((authority) => isSame(authority, one));
  for (const one of [own, ...others.filter((other) => !isGiven(other))]) {
    if (certificateVersion(one.raw) === 3) continue;
    throw new HandshakeRefusal(
      "bad-certificate",
      "a certificate of the peer is not of X.509 version 3",
    );
  }
}

/**
 * Throws where a server's certificate was let pass without a signature.
 *
 * Deno (2.9) takes certificates of servers on `node:tls` that its TLS library cannot read:
 * those of X.509 version 1, and malformed ones. It then compares the *names* of issuers
 * with the authorities that were given and skips all signatures, that of the handshake
 * too, so that anyone can make one (`NodeServerCertVerifier` in its tls_wrap.rs).
 * Hence: version 3 only, and a chain that leads to one of `authorities` by name must do so
 * by signature. Where no authorities are given, Deno has none to compare names with.
 */
export function checkSignatures(
  presented: readonly Certificate[],
  authorities: readonly Certificate[],
): void {
  const names = new Set(authorities.map(({ subject }) => subject));
  const isNamed = presented.some(({ issuer, subject }) =>
    names.has(issuer) || names.has(subject)
  );
  if (!isNamed || isSigned(presented, authorities)) return;
  throw new HandshakeRefusal(
    "unknown-issuer",
    "the certificate of the peer does not bear the signature of its issuer",
  );
}

/** Whether signatures lead from the first of them to an authority. */
function isSigned(
  presented: readonly Certificate[],
  authorities: readonly Certificate[],
): boolean {
  const now = new Date();
  // Each is looked at once: it is the peer that chooses how many there are.
  const reached = new Set([presented[0]]);
  for (const one of reached) {
    if (now < one.validFromDate || now > one.validToDate) continue;
    const isIssuer = (other: Certificate): boolean =>
      other.subject === one.issuer && one.verify(other.publicKey);
    if (authorities.some((each) => isSame(each, one) || isIssuer(each))) {
      return true;
    }
    for (const other of presented) {
      if (!reached.has(other) && other.ca && isIssuer(other)) {
        reached.add(other);
      }
    }
  }
  return false;
}

/**
 * The checks that the user asked for: pins, then `verify`.
 *
 * @throws {HandshakeRefusal} The certificate is not pinned, or `verify` refused it.
 */
export async function checkPeer(
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
  let answer: unknown;
  try {
    answer = await verify(peer);
  } catch (cause) {
    throw refusedByVerify(cause);
  }
  // Programs without types may answer as other libraries want it.
  if (answer === false || answer instanceof Error) {
    throw refusedByVerify(answer);
  }
}

function refusedByVerify(cause: unknown): HandshakeRefusal {
  const why = "verify refused the peer's certificate";
  return new HandshakeRefusal("refused-by-verify", why, { cause });
}
