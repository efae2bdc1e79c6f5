// One write, one read, one message: so it seems.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const sender = await Deno.connect({ port: listener.addr.port });
const receiver = await listener.accept();

for (const message of ["hello", "world"]) {
  await sender.write(new TextEncoder().encode(message));
}
sender.close();

const buffer = new Uint8Array(1024);
for (let count; (count = await receiver.read(buffer)) !== null;) {
  const message = new TextDecoder().decode(buffer.subarray(0, count));
  console.log("a message:", message);
}
receiver.close();
listener.close();
