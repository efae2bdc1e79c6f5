/**
 * What a header of the PROXY protocol says.
 *
 * @module
 */

import type { Addr } from "../addr.ts";

/**
 * A field of a header of version 2 that this library does not read, or all of them raw.
 *
 * @category PROXY protocol
 */
export interface ProxyTlv {
  /** The kind of the field, from 0 to 255. */
  type: number;
  /** Its contents, at most 65,535 bytes. */
  value: Uint8Array;
}

/**
 * The TLS that the client speaks with the proxy, as the proxy tells of it.
 *
 * @category PROXY protocol
 */
export interface ProxyTls {
  /** The version, such as `"TLSv1.3"`. */
  version?: string | undefined;
  /** The cipher suite. */
  cipher?: string | undefined;
  /** The common name of the client's certificate. */
  commonName?: string | undefined;
  /** How the certificate was signed. */
  signatureAlgorithm?: string | undefined;
  /** The kind of the certificate's key. */
  keyAlgorithm?: string | undefined;
  /** Whether the client has shown a certificate. */
  hasCertificate: boolean;
  /** Whether the proxy has verified that certificate, and found it good. */
  isVerified: boolean;
}

/**
 * What a header may say beside the addresses; version 1 says nothing else.
 *
 * @category PROXY protocol
 */
export interface ProxyFields {
  /** The protocol that the client and the proxy agreed on (ALPN). */
  alpn?: string | undefined;
  /** The host that the client asked for, by the name in its TLS handshake (SNI). */
  authority?: string | undefined;
  /** What the proxy calls this connection, at most 128 bytes. */
  uniqueId?: Uint8Array | undefined;
  /** The client's TLS; left out where the client speaks none. */
  tls?: ProxyTls | undefined;
  /** All fields as they came, those above included. */
  tlvs?: readonly ProxyTlv[] | undefined;
}

/**
 * A header, as it was read.
 *
 * | `command` | the connection is | `sourceAddr`, `destinationAddr` |
 * | --- | --- | --- |
 * | `"proxy"` | a client's | the client's address, and where it connected to |
 * | `"local"` | the proxy's own: it asks whether the server is well | none |
 * | `"unknown"` | a client's whose address the proxy does not know or cannot say | none |
 *
 * @category PROXY protocol
 */
export interface ProxyHeader extends ProxyFields {
  /** The version of the protocol. */
  version: 1 | 2;
  /** Whose connection it is. */
  command: "proxy" | "local" | "unknown";
  /** The client's address. */
  sourceAddr?: Addr | undefined;
  /** The address that the client connected to. */
  destinationAddr?: Addr | undefined;
}

/**
 * A header that is to be sent.
 *
 * @category PROXY protocol
 */
export interface ProxyHeaderInit extends ProxyFields {
  /**
   * The version of the protocol. Version 1 has room for TCP addresses and nothing else.
   *
   * @default {2}
   */
  version?: 1 | 2 | undefined;
  /**
   * Whose connection it is: `"local"` for this program's own, and then nothing else can be
   * said.
   *
   * @default {"proxy" with addresses, else "unknown"}
   */
  command?: "proxy" | "local" | "unknown" | undefined;
  /** The client's address. Together with `destinationAddr`, and of the same kind. */
  sourceAddr?: Addr | undefined;
  /** The address that the client connected to. */
  destinationAddr?: Addr | undefined;
  /**
   * Adds a checksum (CRC32c), which the receiver checks. Version 2 alone.
   *
   * @default {false}
   */
  checksum?: boolean | undefined;
}

/**
 * A header, and where what follows it begins.
 *
 * @category PROXY protocol
 */
export interface DecodedProxyHeader {
  /** What it says. */
  header: ProxyHeader;
  /** Bytes that it took. */
  byteLength: number;
}
