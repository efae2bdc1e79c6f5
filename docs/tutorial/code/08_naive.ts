// The file is what comes until the connection ends.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function sendHalf(): Promise<void> {
  const conn = await Deno.connect({ port: listener.addr.port });
  const file = new Uint8Array(60_000);
  await conn.write(file.subarray(0, 30_000));
  conn.close(); // The sender crashes in the middle.
}

const sending = sendHalf();
const conn = await listener.accept();
let size = 0;
for await (const chunk of conn.readable) size += chunk.length;
console.log(`stored ${size} bytes, all is well`);
await sending;
listener.close();
