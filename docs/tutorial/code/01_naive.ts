// A client that reads once, and takes what it gets for the whole answer.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const hasRead = Promise.withResolvers<void>();

async function answerInTwoParts(): Promise<void> {
  const conn = await listener.accept();
  await conn.write(new TextEncoder().encode("you said "));
  // A network delays bytes as it likes. Here the second part waits for the read.
  await hasRead.promise;
  await conn.write(new TextEncoder().encode("hello\n"));
  conn.close();
}

const answered = answerInTwoParts();
const conn = await Deno.connect({ port: listener.addr.port });
const buffer = new Uint8Array(1024);
const count = await conn.read(buffer);
const answer = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
console.log("the answer:", JSON.stringify(answer));

hasRead.resolve();
await answered;
conn.close();
listener.close();
