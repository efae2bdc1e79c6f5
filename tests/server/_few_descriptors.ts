/**
 * The server of `descriptors_test.ts`: serves lines in a process that has few
 * descriptors, until its input ends; then prints how it went.
 *
 * @module
 */

import { serve } from "../../lib/server/serve.ts";

// Half a second after its start Deno 2.9.6 sets its signals up, and panics where there
// is no descriptor for that. Let it do so now.
const ignore = () => {};
Deno.addSignalListener("SIGINT", ignore);
Deno.removeSignalListener("SIGINT", ignore);

let shortages = 0;
const server = serve({
  port: 0,
  onEvent: (event) => {
    if (event.type === "accept-error") shortages++;
  },
}, async (socket) => {
  await socket.write(`you said ${await socket.readLine()}\n`);
});
console.log(server.addr.port);
for await (const _ of Deno.stdin.readable);
await server.shutdown();
console.log(JSON.stringify({ shortages, accepted: server.stats.accepted }));
