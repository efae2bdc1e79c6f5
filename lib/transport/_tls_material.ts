/**
 * Certificates, keys and authorities in the options of TLS, as `node:crypto` reads them.
 *
 * @module
 */

import { TlsError } from "../errors.ts";
import type { Certificate } from "./_peer_certificate.ts";
import { readPem } from "./_pem.ts";
import { UNUSABLE_KEY } from "./translate_error.ts";

const nodeCrypto = () => globalThis.process.getBuiltinModule("node:crypto");
type PrivateKey = ReturnType<ReturnType<typeof nodeCrypto>["createPrivateKey"]>;

/** Of keys for ECDSA, those that Deno can sign with. */
const CURVES: ReadonlySet<string | undefined> = new Set(
  ["prime256v1", "secp384r1", "secp521r1"],
);

/**
 * The certificates in PEM texts. What only looks like one is refused here.
 *
 * @throws {TlsError} One cannot be read.
 */
export function readAuthorities(
  action: string,
  texts: readonly string[] = [],
): Certificate[] {
  if (texts.length === 0) return [];
  const { X509Certificate } = nodeCrypto();
  // What is damaged was refused with the options.
  const blocks = texts.flatMap((text) => readPem(text, "CERTIFICATE") ?? []);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw unusable(
      action,
      "a certificate of an authority cannot be read",
      cause,
    );
  }
}

/**
 * Throws unless certificates can be read, and a key belongs to its own: `node:tls` would
 * take them as they are. To be called before anything is opened.
 *
 * @throws {TlsError} They cannot be used.
 */
export function checkMaterial(
  action: string,
  { cert, key, caCerts, clientCaCerts }: {
    cert?: string;
    key?: string;
    caCerts?: readonly string[];
    clientCaCerts?: readonly string[];
  },
): void {
  readAuthorities(action, caCerts ?? clientCaCerts);
  if (cert === undefined || key === undefined) return;
  const { createPrivateKey, X509Certificate } = nodeCrypto();
  let privateKey: PrivateKey;
  let fits: boolean;
  try {
    privateKey = createPrivateKey(key);
    fits = new X509Certificate(cert).checkPrivateKey(privateKey);
  } catch (cause) {
    throw unusable(action, "certificate or key cannot be read", cause);
  }
  if (!fits) {
    throw unusable(action, "certificate and key do not belong together");
  }
  if (!isUsable(privateKey)) throw unusable(action, UNUSABLE_KEY);
}

/** Whether Deno can sign with it in a handshake: with others each would fail. */
function isUsable({ asymmetricKeyType, asymmetricKeyDetails }: PrivateKey) {
  return asymmetricKeyType === "ec"
    ? CURVES.has(asymmetricKeyDetails?.namedCurve)
    : asymmetricKeyType === "rsa" || asymmetricKeyType === "ed25519";
}

function unusable(action: string, why: string, cause?: unknown): TlsError {
  const options = cause === undefined ? {} : { cause };
  return new TlsError("bad-configuration", `Cannot ${action}: ${why}`, {
    operation: action,
    ...options,
  });
}
