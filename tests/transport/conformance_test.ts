import { checkTransport } from "../../lib/testing/check_transport.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { tcpPair, tlsPairs, unixPair } from "../_support/transports.ts";

const TIMEOUT = { timeout: 60_000 };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };

Deno.test(
  "memory does all that a transport has to do",
  TIMEOUT,
  () => checkTransport(() => memoryTransportPair()),
);

Deno.test("memory does so however small its pieces are", TIMEOUT, async () => {
  for (const seed of [1, 2, 3]) {
    const options = { seed, highWaterMarkBytes: 1000 };
    await checkTransport(() => memoryTransportPair(options), {
      bulkBytes: 100_000,
    });
  }
  const single = { highWaterMarkBytes: 1 };
  await checkTransport(() => memoryTransportPair(single), {
    bulkBytes: 20_000,
  });
});

Deno.test(
  "TCP does all that a transport has to do",
  TIMEOUT,
  () => checkTransport(tcpPair),
);

Deno.test(
  "Unix sockets do all that a transport has to do",
  UNIX,
  async () => {
    const dir = await Deno.makeTempDir();
    await checkTransport(() => unixPair(dir));
    await Deno.remove(dir, { recursive: true });
  },
);

Deno.test("TLS does all that a transport has to do", TIMEOUT, async () => {
  await checkTransport(await tlsPairs());
});

Deno.test("TLS with client certificates does so too", TIMEOUT, async () => {
  await checkTransport(await tlsPairs("mutual"));
});

Deno.test("TLS that drops silent clients does so too", TIMEOUT, async () => {
  await checkTransport(await tlsPairs("drop-silent"));
});
