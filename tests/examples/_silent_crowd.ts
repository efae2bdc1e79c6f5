/**
 * One peer that takes as many places of a server as it can.
 *
 * @module
 */

/** Connections that are open, until they are disposed of. */
export class Crowd implements Disposable {
  readonly #conns: Deno.Conn[] = [];

  /**
   * Opens connections, one after the other.
   *
   * @param port Where.
   * @param size How many.
   * @param say What each of them sends; nothing by default.
   */
  static async gather(
    port: number,
    size: number,
    say?: (index: number) => string | Uint8Array,
  ): Promise<Crowd> {
    const crowd = new Crowd();
    for (let index = 0; index < size; index++) {
      try {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port });
        crowd.#conns.push(conn);
        const first = say?.(index) ?? "";
        const bytes = typeof first === "string"
          ? new TextEncoder().encode(first)
          : first;
        if (bytes.length > 0) await conn.write(bytes);
      } catch {
        // It was turned away, which is what the tests are about.
      }
    }
    return crowd;
  }

  [Symbol.dispose](): void {
    for (const conn of this.#conns.splice(0)) conn.close();
  }
}
