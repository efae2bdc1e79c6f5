/**
 * Addresses: what a socket says about its two ends.
 *
 * @module
 */

/** The address of an end of an in-memory connection. */
export interface MemoryAddr {
  /** Always `"memory"`. */
  transport: "memory";
  /** A name, for messages and events. */
  name: string;
}

/** The address of one end of a connection: TCP and TLS, Unix, or memory. */
export type Addr = Deno.Addr | MemoryAddr;

/** Says an address in one line: `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`. */
export function formatAddress(addr: Addr): string {
  switch (addr.transport) {
    case "tcp":
    case "udp": {
      const { hostname, port } = addr;
      return hostname.includes(":")
        ? `[${hostname}]:${port}`
        : `${hostname}:${port}`;
    }
    case "unix":
    case "unixpacket":
      return `unix:${addr.path}`;
    case "vsock":
      return `vsock:${addr.cid}:${addr.port}`;
    case "memory":
      return `memory:${addr.name}`;
  }
}
