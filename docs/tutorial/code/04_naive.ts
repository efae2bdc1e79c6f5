// Sends without waiting for the writes to end.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const sender = await Deno.connect({ port: listener.addr.port });
const receiver = await listener.accept(); // It never reads.

const megabyte = new Uint8Array(1_000_000);
let unfinished = 0;
for (let i = 0; i < 100; i++) {
  unfinished++;
  sender.write(megabyte.slice()).then(() => unfinished--, () => {});
}
await new Promise((resolve) => setTimeout(resolve, 300));
console.log("100 MB were written, so it seems");
console.log(`${unfinished} MB of them wait in the memory of this program`);

sender.close();
receiver.close();
listener.close();
