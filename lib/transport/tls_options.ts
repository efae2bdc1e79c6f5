/**
 * How TLS is spoken, on either side.
 *
 * @module
 */

import type { Transport } from "./transport.ts";

/** How a client speaks TLS. */
export interface TlsDialOptions {
  /**
   * Certificates of authorities to trust beside the usual ones, in PEM form. None by
   * default.
   */
  caCerts?: string[];
  /** Protocols to offer (ALPN), the best one first. None by default. */
  alpnProtocols?: string[];
  /**
   * The name the certificate must be for, which is also sent as SNI. The host that is
   * connected to by default.
   */
  serverName?: string;
  /**
   * This side's certificate, in PEM form, for servers that ask for one. Deno then can
   * neither set `noDelay` nor check another `serverName`.
   */
  cert?: string;
  /** The private key of `cert`, in PEM form. */
  key?: string;
}

/** How a server speaks TLS. */
export interface TlsBindOptions {
  /** The server's certificate, then those that lead to its authority, in PEM form. */
  cert: string;
  /** The private key of `cert`, in PEM form. */
  key: string;
  /** Protocols to agree to (ALPN), the best one first. None by default. */
  alpnProtocols?: string[];
  /**
   * Authorities, in PEM form, one of which must have signed the certificate of every
   * client: the handshake fails for all others. By default no client is asked for one.
   */
  clientCaCerts?: string[];
  /**
   * Lets go of clients that are closed before their handshake is over. Deno (2.9) keeps
   * the descriptor of such a client for as long as it stays silent, whatever
   * `handshakeTimeoutMs` and limits say: whoever opens enough connections holds them
   * all. With `true`, and always with `clientCaCerts` or `noDelay: true`, TLS runs on
   * `node:tls`, which takes two to three times the CPU time, switches Nagle off, and
   * does not tell a client why its handshake failed.
   *
   * @default {false}
   */
  dropSilent?: boolean;
}

/** Who the peer is, by the certificate that it showed and that was checked. */
export interface PeerCertificate {
  /** The name in its subject, if any. */
  readonly commonName: string | undefined;
  /** The names it is for, such as `"DNS:a.example, IP Address:10.0.0.1"`. */
  readonly subjectAltName: string | undefined;
  /** SHA-256 of the certificate, as hexadecimal bytes with colons. */
  readonly fingerprint256: string;
  /** The whole certificate, DER. */
  readonly der: Uint8Array;
}

/** A transport that speaks TLS. */
export interface TlsTransport extends Transport {
  /** The protocol both sides agreed on; `null` for none, or before the handshake. */
  readonly alpnProtocol: string | null;
  /** The client's certificate, on a server that checks them; after the handshake. */
  readonly peerCertificate?: PeerCertificate | null;
}
