/**
 * An echo of bytes on `node:tls`, for Node and for Deno.
 * Usage: `node_tls.js PORT '{"cert":PEM,"key":PEM}'`.
 *
 * @module
 */

import process from "node:process";
import tls from "node:tls";

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || process.argv[3] === undefined) {
  console.error("usage: node_tls.js PORT CERTIFICATE");
  process.exit(2);
}

const { cert, key } = JSON.parse(process.argv[3]);
const server = tls.createServer({ cert, key, noDelay: true }, (socket) => {
  socket.on("error", () => {
    // The client went away.
  });
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
});
server.listen({ host: "127.0.0.1", port, backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});
