import { connect, LimitError, listen, TimeoutError } from "@sluice/net";

await using listener = listen({ port: 0 });
const { port } = listener.addr;

const megabyte = new Uint8Array(1_000_000);

// Awaited, a write ends when there is room: the sender is held up.
using first = await connect({ port });
using _receiver = await listener.accept(); // It never reads.
let written = 0;
try {
  for (; written < 100; written++) {
    await first.write(megabyte, { timeoutMs: 300 });
  }
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log(error.message);
  console.log("all 100 MB were written:", written === 100);
}

// Not awaited, writes wait in memory, up to a limit.
using second = await connect({ port });
using _other = await listener.accept();
const writes = [];
for (let i = 0; i < 100; i++) writes.push(second.write(megabyte));
try {
  await Promise.all(writes);
} catch (error) {
  if (!(error instanceof LimitError)) throw error;
  console.log(error.message);
}
