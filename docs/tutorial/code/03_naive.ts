// A read that races with a timer.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const client = await Deno.connect({ port: listener.addr.port });
const server = await listener.accept();

const wait = (ms: number) =>
  new Promise<"too late">((resolve) => setTimeout(resolve, ms, "too late"));

async function readOrTimeOut(): Promise<string> {
  const buffer = new Uint8Array(1024);
  const count = await Promise.race([client.read(buffer), wait(500)]);
  if (typeof count !== "number") return "too late";
  return new TextDecoder().decode(buffer.subarray(0, count));
}

// Nothing has been sent yet.
console.log("first read:", await readOrTimeOut());

await server.write(new TextEncoder().encode("answer 1"));
await wait(100);
await server.write(new TextEncoder().encode("answer 2"));
console.log("second read:", await readOrTimeOut());

client.close();
server.close();
listener.close();
