import { connect, RateMeter, serve } from "@sluice/net";

const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1);

// Counts what comes, and how fast.
await using server = serve({ port: 0 }, async (socket) => {
  const meter = new RateMeter();
  let next = 200_000;
  for await (const chunk of socket) {
    meter.add(chunk.length);
    if (meter.totalBytes < next) continue;
    next += 200_000;
    const rate = megabytes(meter.meanBytesPerSecond);
    console.log(`${megabytes(meter.totalBytes)} MB, ${rate} MB/s`);
  }
});

// At most a million bytes a second, with at most 10,000 at once.
await using socket = await connect({
  port: server.addr.port,
  maxWriteBytesPerSecond: 1_000_000,
  burstBytes: 10_000,
});
const chunk = new Uint8Array(50_000);
for (let i = 0; i < 20; i++) await socket.write(chunk);
