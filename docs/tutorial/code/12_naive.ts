// Allocates what each client says that it will send.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const messages: Uint8Array[] = [];

async function handle(conn: Deno.Conn): Promise<void> {
  const header = new Uint8Array(4);
  await conn.read(header);
  const size = new DataView(header.buffer).getUint32(0);
  messages.push(new Uint8Array(size));
  conn.close();
}

let sent = 0;
for (let client = 0; client < 4; client++) {
  const conn = await Deno.connect({ port: listener.addr.port });
  sent += await conn.write(new Uint8Array([0x10, 0, 0, 0])); // 256 MiB.
  await handle(await listener.accept());
  conn.close();
}
const claimed = messages.reduce((sum, { length }) => sum + length, 0);
console.log(`${sent} bytes came, ${claimed / 2 ** 20} MiB were allocated`);
listener.close();
