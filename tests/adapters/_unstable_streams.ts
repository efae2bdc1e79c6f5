/**
 * Checks transports over what Deno has behind `--unstable-net`; the tests run it in a process
 * with that flag.
 *
 * @module
 */

import { fromStreams, fromWebSocket } from "@sluice/net/adapters";
import { checkTransport } from "@sluice/net/testing";
import { createAuthority } from "../_support/certificates.ts";
import { exchangeFrames, type Pair, WebSocketServer } from "./_support.ts";

/** Over bidirectional streams of one QUIC connection. */
async function checkQuic(): Promise<void> {
  const authority = await createAuthority();
  const alpnProtocols = ["test"];
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    ...await authority.issue(),
    alpnProtocols,
  });
  const accepting = listener.accept();
  const client = await Deno.connectQuic({
    hostname: "127.0.0.1",
    port: endpoint.addr.port,
    caCerts: [authority.cert],
    alpnProtocols,
  });
  const server = await accepting;
  const incoming = server.incomingBidirectionalStreams.getReader();
  const makePair = async (): Promise<Pair> => {
    const left = fromStreams(await client.createBidirectionalStream());
    // The peer sees a stream with its first byte.
    await left.write(new Uint8Array(1));
    const right = fromStreams((await incoming.read()).value!);
    await right.read(new Uint8Array(1));
    return [left, right];
  };
  await checkTransport(makePair);
  await exchangeFrames(await makePair());
}

/** Over a `WebSocketStream` on one side. */
async function checkWebSocketStream(): Promise<void> {
  await using server = new WebSocketServer();
  const makePair = async (): Promise<Pair> => {
    const accepted = server.next();
    const client = new WebSocketStream(server.url);
    const right = fromWebSocket(await accepted);
    const streams = await client.opened as unknown as Parameters<
      typeof fromStreams
    >[0];
    const left = fromStreams(streams, {
      halfClose: false,
      close: () => client.close(),
    });
    return [left, right];
  };
  await checkTransport(makePair, { halfClose: false, backpressure: false });
  await exchangeFrames(await makePair());
}

const [kind] = Deno.args;
await (kind === "quic" ? checkQuic() : checkWebSocketStream());
console.log("passed");
Deno.exit();
