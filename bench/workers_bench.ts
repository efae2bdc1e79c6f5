/**
 * A server whose handler computes: two workers against one.
 *
 *     deno bench --allow-all bench/workers_bench.ts
 *
 * Each request costs 50 µs of computing. The clients share the machine's cores with the
 * workers, so that two workers cannot be twice as fast on two cores.
 */
import { connect } from "@sluice/net";
import { supervise, type SuperviseOptions } from "@sluice/net/workers";

const REQUESTS = 8_000;
const CLIENTS = 32;
/** Requests that a client sends at once, so that it costs little beside the workers. */
const DEPTH = 8;

/** Starts a group, and connections that are spread over its workers as the system does it. */
async function start(options: Partial<SuperviseOptions>) {
  const group = await supervise({
    module: new URL("servers/computing.ts", import.meta.url),
    port: 0,
    permissions: ["--allow-net=127.0.0.1"],
    ...options,
  });
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => connect({ port: group.addr.port })),
  );
  return { group, clients };
}

for (const share of ["fd", "reuse-port"] as const) {
  for (const workers of [1, 2]) {
    Deno.bench({
      name: `${workers} of ${share}`,
      group: "50 µs a request",
      baseline: workers === 1 && share === "fd",
      n: 5,
      warmup: 1,
    }, async (bench) => {
      const { group, clients } = await start({ workers, share });
      const requests = new Uint8Array(DEPTH * 64);
      let left = REQUESTS;
      bench.start();
      // Together: a worker with fewer clients is not done earlier.
      await Promise.all(clients.map(async (client) => {
        while ((left -= DEPTH) >= 0) {
          await client.write(requests);
          await client.readExactly(requests.length);
        }
      }));
      bench.end();
      await Promise.all(clients.map((client) => client.close()));
      await group.shutdown();
    });
  }
}
