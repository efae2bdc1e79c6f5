import { connect, interval, serve } from "@sluice/net";

await using server = serve({ port: 0 }, async (socket, { signal }) => {
  // A tick every 100 ms, until the server shuts down or the client goes.
  const until = AbortSignal.any([signal, socket.signal]);
  try {
    let tick = 0;
    for await (const _ of interval(100, { signal: until })) {
      await socket.write(`tick ${++tick}\n`);
    }
  } catch (error) {
    if (!until.aborted) throw error;
  }
  console.log("the ticks have ended");
});

const socket = await connect({ port: server.addr.port });
const stop = new AbortController();
const heardTwo = Promise.withResolvers<void>();

async function listenForTicks(): Promise<void> {
  for (let count = 1;; count++) {
    console.log(await socket.readLine({ signal: stop.signal }));
    if (count === 2) heardTwo.resolve();
  }
}

const listening = listenForTicks(); // Goes on while we do something else.
await heardTwo.promise;
stop.abort(new Error("I have heard enough"));
try {
  await listening;
} catch (error) {
  console.log("cancelled:", (error as Error).message);
}
// The connection is still good, and nothing of it was lost.
console.log(await socket.readLine());
await socket.close();
