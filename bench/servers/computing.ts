/**
 * A worker of `bench/workers_bench.ts`: it answers 64 bytes with 64 bytes, after 50 µs of
 * computing.
 */
import { serve } from "@sluice/net";
import { worker } from "@sluice/net/workers";

const COMPUTE_MS = 0.05;

export default worker(({ acceptor }) =>
  serve({ acceptor }, async (socket) => {
    try {
      while (true) {
        const request = await socket.readExactly(64);
        const end = performance.now() + COMPUTE_MS;
        while (performance.now() < end);
        await socket.write(request);
      }
    } catch {
      // The client has gone.
    }
  })
);
