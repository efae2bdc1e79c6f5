/**
 * The echo of frames, the sink and the fan-out on `node:net`, for Node and for Deno.
 * Usage: `node_net.js PORT echo|sink|fan-out`.
 *
 * What an experienced user of Node writes: frames are cut from what came without copying what is
 * whole, all answers of one event leave in one write, and a peer that does not read is
 * not read from.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
import process from "node:process";

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** @param {net.Socket} socket */
function echo(socket) {
  /** @type {Buffer[]} */
  let parts = [];
  let buffered = 0;
  let needed = 4;

  /** @param {Buffer} frame */
  const answer = (frame) => {
    const header = Buffer.allocUnsafe(4);
    header.writeUInt32BE(frame.length);
    return [header, frame];
  };

  socket.on("data", (chunk) => {
    parts.push(chunk);
    buffered += chunk.length;
    // A large frame in many parts is joined once, when it is whole.
    if (buffered < needed) return;
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts, buffered);
    const out = [];
    let at = 0;
    needed = 4;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      if (length > MAX_FRAME_BYTES) return void socket.destroy();
      needed = 4 + length;
      if (bytes.length - at < needed) break;
      out.push(...answer(bytes.subarray(at + 4, at + needed)));
      at += needed;
      needed = 4;
    }
    parts = at < bytes.length ? [bytes.subarray(at)] : [];
    buffered = bytes.length - at;
    if (out.length > 0 && !socket.write(Buffer.concat(out))) socket.pause();
  });
  socket.on("drain", () => socket.resume());
}

/** @param {net.Socket} socket */
function sink(socket) {
  let total = 0;
  socket.on("data", (chunk) => {
    total += chunk.length;
    if (chunk[chunk.length - 1] !== 0) {
      const answer = Buffer.allocUnsafe(8);
      answer.writeBigUInt64BE(BigInt(total));
      socket.write(answer);
    }
  });
}

/** For a member that does not read; Node itself would hold all. */
const MAX_PENDING_BYTES = 1024 * 1024;
/** @type {Set<net.Socket>} */
const members = new Set();

/** @param {net.Socket} socket */
function fanOut(socket) {
  members.add(socket);
  socket.on("close", () => members.delete(socket));
  /** @type {Buffer[]} */
  let parts = [];
  let buffered = 0;
  let needed = 4;
  socket.on("data", (chunk) => {
    parts.push(chunk);
    buffered += chunk.length;
    if (buffered < needed) return;
    const bytes = parts.length === 1 ? chunk : Buffer.concat(parts, buffered);
    let at = 0;
    needed = 4;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      if (length > MAX_FRAME_BYTES) return void socket.destroy();
      needed = 4 + length;
      if (bytes.length - at < needed) break;
      const frame = bytes.subarray(at, at + needed);
      for (const member of members) {
        if (member.writableLength < MAX_PENDING_BYTES) member.write(frame);
      }
      at += needed;
      needed = 4;
    }
    parts = at < bytes.length ? [bytes.subarray(at)] : [];
    buffered = bytes.length - at;
  });
}

const port = Number(process.argv[2]);
const handler = { echo, sink, "fan-out": fanOut }[process.argv[3] ?? "echo"];
if (!Number.isInteger(port) || handler === undefined) {
  console.error("usage: node_net.js PORT echo|sink|fan-out");
  process.exit(2);
}

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {
    // The client went away.
  });
  handler(socket);
});
server.listen({ host: "127.0.0.1", port, backlog: 4096 }, () => {
  console.log(`listening on ${server.address().port}`);
});
