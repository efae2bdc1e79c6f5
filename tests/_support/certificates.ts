/**
 * Certificates for tests, made on the spot: nothing secret is checked in and nothing
 * expires in the repository.
 *
 * @module
 */

import * as x509 from "npm:@peculiar/x509@1.14.0";

/** A certificate and its key, as PEM. */
export interface Certificate {
  /** The certificate. */
  cert: string;
  /** Its private key, PKCS#8. */
  key: string;
}

/** What {@linkcode Authority.issue} may be told. */
export interface IssueOptions {
  /** The common name of its subject; `"Sluice test"`. */
  commonName?: string;
  /** Names and addresses the certificate is for; `["localhost", "127.0.0.1"]`. */
  names?: string[];
  /** Days from now at which it becomes valid; -1. */
  fromDays?: number;
  /** Days from now at which it expires; 1. */
  toDays?: number;
}

/** A certificate authority that lives as long as the test. */
export interface Authority {
  /** What a client puts into `caCerts`. */
  cert: string;
  /** Issues a leaf certificate signed by this authority. */
  issue(options?: IssueOptions): Promise<Certificate>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

const days = (count: number): Date => new Date(Date.now() + count * 86_400_000);

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function keyPem(keys: CryptoKeyPair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}

const isIp = (name: string): boolean => /^[\d.]+$|:/.test(name);

/** Makes an authority: trust its `cert`, and serve with what it issues. */
export async function createAuthority(): Promise<Authority> {
  const caKeys = await generateKeys();
  const name = `CN=Sluice test authority ${crypto.randomUUID()}`;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys: caKeys,
    notBefore: days(-10_000),
    notAfter: days(10_000),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  return {
    cert: ca.toString("pem"),
    async issue(options = {}): Promise<Certificate> {
      const { names = ["localhost", "127.0.0.1"], fromDays = -1, toDays = 1 } =
        options;
      const keys = await generateKeys();
      const leaf = await x509.X509CertificateGenerator.create({
        subject: `CN=${options.commonName ?? "Sluice test"}`,
        issuer: ca.subject,
        notBefore: days(fromDays),
        notAfter: days(toDays),
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension([
            x509.ExtendedKeyUsage.serverAuth,
            x509.ExtendedKeyUsage.clientAuth,
          ]),
          new x509.SubjectAlternativeNameExtension(
            names.map((value): x509.JsonGeneralName => ({
              type: isIp(value) ? "ip" : "dns",
              value,
            })),
          ),
        ],
      });
      return { cert: leaf.toString("pem"), key: await keyPem(keys) };
    },
  };
}
