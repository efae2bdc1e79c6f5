// Shows each line to one member after the other, and waits for each.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function join(): Promise<[client: Deno.Conn, server: Deno.Conn]> {
  const client = await Deno.connect({ port: listener.addr.port });
  return [client, await listener.accept()];
}
const [slow, slowServer] = await join(); // It never reads.
const [fast, fastServer] = await join();

let heard = 0;
async function readAll(): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await fast.read(buffer)) !== null;) heard += count;
}
const reading = readAll();

const megabyte = new Uint8Array(1_000_000);
async function tell(member: Deno.Conn): Promise<void> {
  for (let sent = 0; sent < megabyte.length;) {
    sent += await member.write(megabyte.subarray(sent));
  }
}
async function tellAll(): Promise<void> {
  for (let round = 0; round < 50; round++) {
    for (const member of [slowServer, fastServer]) await tell(member);
  }
}
const telling = tellAll().catch(() => {});
await new Promise((resolve) => setTimeout(resolve, 1_000));
console.log(`50 MB were said; in a second the fast member heard`);
console.log(`${Math.round(heard / 1e6)} MB, and then nothing more`);

for (const conn of [slow, slowServer, fastServer, fast]) conn.close();
await Promise.all([telling, reading.catch(() => {})]);
listener.close();
