// Checks one target after the other, and takes an answer for granted.
const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const good = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function check(port: number): Promise<void> {
  const conn = await Deno.connect({ port });
  await conn.write(new TextEncoder().encode("PING\r\n"));
  await conn.read(new Uint8Array(100));
  conn.close();
}

async function checkAll(): Promise<void> {
  for (const [name, { addr }] of Object.entries({ silent, good })) {
    console.log(`checking ${name}`);
    await check(addr.port);
    console.log(`${name} is up`);
  }
}

const checking = checkAll().then(() => "all checks are done");
const late = new Promise((resolve) => {
  setTimeout(resolve, 1_000, "no result after a second");
});
console.log(await Promise.race([checking, late]));
Deno.exit();
