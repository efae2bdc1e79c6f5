import * as x509 from "npm:@peculiar/x509@1.14.0";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;

function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/**
 * Makes an authority, and a certificate of it for "localhost", which are good for a day.
 * For learning and for tests: a server on the internet gets its certificate from a public
 * authority.
 */
export async function makeCertificate(): Promise<
  { ca: string; cert: string; key: string }
> {
  const [caKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const valid = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Tutorial authority",
    keys: caKeys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    ...valid,
  });
  const cert = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
      ]),
    ],
    ...valid,
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    ca: ca.toString("pem"),
    cert: cert.toString("pem"),
    key: x509.PemConverter.encode(pkcs8, "PRIVATE KEY"),
  };
}
