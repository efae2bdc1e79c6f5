// Each client sends a line of JSON. What could go wrong?
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function handle(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  const count = await conn.read(buffer) ?? 0;
  const text = new TextDecoder().decode(buffer.subarray(0, count));
  console.log("received:", JSON.parse(text));
  conn.close();
}

async function send(text: string): Promise<void> {
  using conn = await Deno.connect({ port: listener.addr.port });
  await conn.write(new TextEncoder().encode(text));
  await conn.read(new Uint8Array(1)); // Until the server has closed.
}

async function clients(): Promise<void> {
  await send('{"hello":1}');
  await send("hello"); // This one is no JSON.
  await send('{"hello":2}');
  listener.close();
}

clients();
for await (const conn of listener) handle(conn);
