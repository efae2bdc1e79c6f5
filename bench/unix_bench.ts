/**
 * An echo over Unix sockets, both ends in this process; the client is the same for all.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { serve } from "../mod.ts";
import { acceptAll, echo } from "./_raw.ts";
import { exchange, makeFrames, makePiece } from "./load/_frames.ts";

if (Deno.build.os !== "windows") {
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  const raw = { name: "Deno.Conn", path: `${folder}/raw` };
  const sluice = { name: "Sluice", path: `${folder}/sluice` };
  acceptAll(Deno.listen({ transport: "unix", path: raw.path }), echo);
  serve({ path: sluice.path }, async (socket) => {
    for await (const chunk of socket) await socket.write(chunk);
  });

  for (const payloadBytes of [64, 64 * 1024]) {
    const batch = makeFrames(1, payloadBytes);
    for (const { name, path } of [raw, sluice]) {
      const conn = await Deno.connect({ transport: "unix", path });
      const piece = makePiece(batch);
      Deno.bench({
        name,
        group: `echo of ${payloadBytes} bytes over a Unix socket`,
        baseline: name === raw.name,
        fn: async () => await exchange(conn, batch, piece),
      });
    }
  }
  globalThis.addEventListener("unload", () => {
    Deno.removeSync(folder, { recursive: true });
  });
}
