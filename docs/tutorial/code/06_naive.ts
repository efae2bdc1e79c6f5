// A server that looks after one client at a time.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function serveAll(): Promise<void> {
  for await (const conn of listener) {
    await conn.read(new Uint8Array(100)); // Waits for this client alone.
    await conn.write(new TextEncoder().encode("hello\n"));
    conn.close();
  }
}
const serving = serveAll();

// The first client connects, and says nothing.
const silent = await Deno.connect({ port: listener.addr.port });

const second = await Deno.connect({ port: listener.addr.port });
await second.write(new TextEncoder().encode("anybody there?\n"));
const answer = second.read(new Uint8Array(100)).then(() => "an answer");
const late = new Promise((resolve) => setTimeout(resolve, 500, "no answer"));
console.log("the second client got", await Promise.race([answer, late]));

silent.close();
console.log("the first one has gone: now there is", await answer);
second.close();
listener.close();
await serving;
