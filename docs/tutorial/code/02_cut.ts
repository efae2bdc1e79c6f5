import { framed, lengthPrefixed, UnexpectedEofError } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";

// Two sockets in memory, connected with each other: no network, no permission.
const [client, server] = memoryPair();

// A length of five, two bytes, and the end.
await client.write(new Uint8Array([0, 0, 0, 5, 104, 101]));
await client.closeWrite();

try {
  for await (const frame of framed(server, lengthPrefixed())) {
    console.log("a frame:", frame);
  }
} catch (error) {
  if (!(error instanceof UnexpectedEofError)) throw error;
  console.log(error.message);
}
