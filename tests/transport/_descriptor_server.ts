/**
 * The server of `descriptor_test.ts`: greets each client on descriptor 3.
 *
 * @module
 */

import { serve } from "../../lib/server/serve.ts";

// Half a second after its start Deno 2.9.6 sets its signals up, and panics where there
// is no descriptor for that. Let it do so now.
const ignore = () => {};
Deno.addSignalListener("SIGINT", ignore);
Deno.removeSignalListener("SIGINT", ignore);

const events: string[] = [];
const server = serve({
  listenFd: 3,
  onEvent: ({ type }) => {
    if (type === "accept-error") events.push(type);
  },
}, async (socket) => {
  await socket.write("hello\n");
  await socket.read();
});
if (Deno.args.includes("suspended")) server.suspend();
console.log(JSON.stringify(server.addr));
for await (
  const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
) {
  if (chunk === "resume\n") server.resume();
}
await server.shutdown({ timeoutMs: 1_000 });
console.log(JSON.stringify({ accepted: server.stats.accepted, events }));
