/**
 * What a second of a simulated host costs: it sends 100 bytes, gets them back and pauses
 * for 100 ms. The baseline does as many echoes over loopback, without the pauses.
 *
 * @module
 */

import { connect, serve, type Socket } from "@sluice/net";
import { simulate } from "@sluice/net/testing";

const SECONDS = 10;
/** A round takes 100 ms, and 12 more for the two ways. */
const ROUNDS = 90;

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) await socket.write(chunk);
}

async function talk(
  socket: Socket,
  rounds: number,
  pause: () => Promise<void> | void,
): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await socket.write(new Uint8Array(100));
    await socket.readExactly(100);
    await pause();
  }
}

for (const hosts of [10, 100]) {
  const group = `${hosts} hosts for ${SECONDS} s each`;
  const names = Array.from({ length: hosts }, (_, i) => `client-${i}`);

  Deno.bench({
    name: "loopback, without pauses",
    group,
    baseline: true,
    async fn() {
      await using server = serve({ port: 0 }, echo);
      await Promise.all(names.map(async () => {
        await using socket = await connect({ port: server.addr.port });
        await talk(socket, ROUNDS, () => {});
      }));
    },
  });

  // With a hundred hosts it takes too long to be repeated.
  for (const split of hosts === 10 ? [false, true] : [false]) {
    Deno.bench({
      name: split ? "simulated, bytes cut anywhere" : "simulated",
      group,
      async fn() {
        // Twice, as the first seed runs again to be compared.
        await simulate({
          seed: 1,
          network: { latencyMs: 1, jitterMs: 10, split },
          hosts: { server: (host) => void host.serve(echo) },
        }, async (world) => {
          await Promise.all(names.map(async (name) => {
            const host = world.host(name);
            await using socket = await host.connect({ name: "server" });
            await talk(socket, ROUNDS, () => world.sleep(100));
          }));
        });
      },
    });
  }
}
