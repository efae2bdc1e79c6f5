// Only ./codec: this runs in Node, in Bun and in a browser as well.
import { decodeStream, packets, struct, u8, utf8 } from "@sluice/net/codec";

const greeting = struct({ version: u8, name: utf8(u8) });

// Any stream of bytes will do: a file, a response of fetch, a WebSocket.
const stream = new Blob([
  new Uint8Array([1, 3, 97, 110, 110, 1]),
  new Uint8Array([3, 98, 111, 98]),
]).stream();

for await (
  const { name } of stream.pipeThrough(decodeStream(packets(greeting)))
) {
  console.log(`hello, ${name}`);
}
