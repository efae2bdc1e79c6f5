import { assertEquals, assertLess } from "@std/assert";
import { serveDatagrams } from "@sluice/net/datagram";
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function heapUsed(): number {
  collectGarbage();
  return Deno.memoryUsage().heapUsed;
}

Deno.test("serveDatagrams() remembers nothing of what was answered while a handler takes long", async () => {
  const from = { transport: "udp", hostname: "127.0.0.1", port: 1 } as const;
  const count = 50_000;
  let received = 0;
  let answered = 0;
  let grown = 0;
  const goOn = Promise.withResolvers<void>();
  const source = {
    receive() {
      // All but the first of them have been answered.
      if (received === 1_000) grown -= heapUsed();
      if (received === count) grown += heapUsed();
      if (received === count) goOn.resolve();
      const next = received++ < count ? { from, id: received } : null;
      return Promise.resolve(next);
    },
    send() {
      answered++;
      return Promise.resolve();
    },
  };
  await serveDatagrams(source, async ({ id }) => {
    if (id === 1) await goOn.promise;
    return id;
  }, { maxInFlight: 2 });
  assertEquals(answered, count);
  // Kept, each would take 200 bytes and more.
  assertLess(grown, 40 * count);
});
