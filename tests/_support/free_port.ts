/**
 * Ports that nothing listens on: for programs that must be told theirs, and for clients that
 * must be refused.
 *
 * @module
 */

/**
 * A port of 127.0.0.1 where nothing listens now.
 *
 * It is below the ports that systems give to those who ask for any (from 32768 on Linux, from
 * 49152 elsewhere), so that no other test that runs meanwhile is given it.
 */
export function freePort(): number {
  while (true) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
