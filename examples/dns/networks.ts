/**
 * Lists of networks, as `10.0.0.0/8,fd00::/8`.
 *
 * @module
 */

import { BlockList, isIP, isIPv4 } from "node:net";

/** Addresses of this machine. */
const LOOPBACK = "127.0.0.0/8,::1/128";

/** The networks that may ask: this machine, and those of a list. */
export class Networks {
  readonly #list = new BlockList();

  /**
   * @param text Networks or addresses with commas between them; none if empty.
   * @throws {RangeError} One of them is none.
   */
  constructor(text = "") {
    for (const each of [...LOOPBACK.split(","), ...text.split(",")]) {
      if (each !== "") this.#add(each.trim());
    }
  }

  #add(text: string): void {
    const [, address, digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const version = isIP(address ?? "");
    const most = version === 4 ? 32 : 128;
    const bits = digits === undefined ? most : Number(digits);
    if (version === 0 || bits > most || address.includes("%")) {
      throw new RangeError(
        `Cannot use a network: it must be such as 10.0.0.0/8, got ${
          JSON.stringify(text)
        }`,
      );
    }
    this.#list.addSubnet(address, bits, version === 4 ? "ipv4" : "ipv6");
  }

  /** Whether an address is in one of them. */
  has(hostname: string): boolean {
    const bare = hostname.replace(/%.*$/, "").replace(
      /^::ffff:(?=\d+\.)/i,
      "",
    );
    if (isIP(bare) === 0) return false;
    return this.#list.check(bare, isIPv4(bare) ? "ipv4" : "ipv6");
  }
}
