import { framed, lines, RateLimiter } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";

const [client, server] = memoryPair();

// Five messages at once, then one a second.
const limiter = new RateLimiter({ perSecond: 1, burst: 5 });

for (let i = 1; i <= 8; i++) await client.write(`message ${i}\n`);
await client.closeWrite();

for await (const message of framed(server, lines())) {
  console.log(message, limiter.tryTake() ? "is passed on" : "is dropped");
}
