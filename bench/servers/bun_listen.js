/**
 * The echo of frames, the sink and the fan-out on `Bun.listen`.
 * Usage: `bun_listen.js PORT echo|sink|fan-out`.
 *
 * What an experienced user of Bun writes: frames are cut from what came, all answers of one event
 * leave in one write, what the system did not take waits for `drain`, and a peer that does
 * not read is not read from.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import process from "node:process";

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

const echo = {
  open(socket) {
    socket.data = { parts: [], buffered: 0, needed: 4, pending: undefined };
  },
  data(socket, chunk) {
    const state = socket.data;
    state.parts.push(chunk);
    state.buffered += chunk.length;
    // A large frame in many parts is joined once, when it is whole.
    if (state.buffered < state.needed) return;
    const bytes = state.parts.length === 1 ? chunk : Buffer.concat(state.parts);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out = Buffer.allocUnsafe(bytes.length);
    let at = 0;
    state.needed = 4;
    while (bytes.length - at >= 4) {
      const length = view.getUint32(at);
      if (length > MAX_FRAME_BYTES) return void socket.terminate();
      state.needed = 4 + length;
      if (bytes.length - at < state.needed) break;
      const frame = bytes.subarray(at + 4, at + state.needed);
      out.writeUInt32BE(frame.length, at);
      out.set(frame, at + 4);
      at += state.needed;
      state.needed = 4;
    }
    state.parts = at < bytes.length ? [bytes.subarray(at)] : [];
    state.buffered = bytes.length - at;
    if (at > 0) send(socket, out.subarray(0, at));
  },
  drain(socket) {
    const { pending } = socket.data;
    if (pending === undefined) return;
    socket.data.pending = undefined;
    send(socket, pending);
    if (socket.data.pending === undefined) socket.resume();
  },
  error() {
    // The client went away.
  },
};

function send(socket, bytes) {
  const { pending } = socket.data;
  if (pending !== undefined) {
    // An event that was on its way when reading was paused.
    socket.data.pending = Buffer.concat([pending, bytes]);
    return;
  }
  const sent = socket.write(bytes);
  if (sent >= 0 && sent < bytes.length) {
    socket.data.pending = bytes.subarray(sent);
    socket.pause();
  }
}

const sink = {
  open(socket) {
    socket.data = { total: 0 };
  },
  data(socket, chunk) {
    socket.data.total += chunk.length;
    if (chunk[chunk.length - 1] !== 0) {
      const answer = Buffer.allocUnsafe(8);
      answer.writeBigUInt64BE(BigInt(socket.data.total));
      socket.write(answer);
    }
  },
  error() {
    // The client went away.
  },
};

/** For a member that does not read. */
const MAX_PENDING_BYTES = 1024 * 1024;
const members = new Set();

const fanOut = {
  open(socket) {
    socket.data = {
      parts: [],
      buffered: 0,
      needed: 4,
      pending: [],
      pendingBytes: 0,
    };
    members.add(socket);
  },
  data(socket, chunk) {
    const state = socket.data;
    state.parts.push(chunk);
    state.buffered += chunk.length;
    if (state.buffered < state.needed) return;
    const bytes = state.parts.length === 1 ? chunk : Buffer.concat(state.parts);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    state.needed = 4;
    while (bytes.length - at >= 4) {
      const length = view.getUint32(at);
      if (length > MAX_FRAME_BYTES) return void socket.terminate();
      state.needed = 4 + length;
      if (bytes.length - at < state.needed) break;
      const frame = bytes.subarray(at, at + state.needed);
      for (const member of members) sendTo(member, frame);
      at += state.needed;
      state.needed = 4;
    }
    state.parts = at < bytes.length ? [bytes.subarray(at)] : [];
    state.buffered = bytes.length - at;
  },
  drain(socket) {
    const state = socket.data;
    if (state.pendingBytes === 0) return;
    const bytes = Buffer.concat(state.pending);
    state.pending = [];
    state.pendingBytes = 0;
    sendTo(socket, bytes);
  },
  close(socket) {
    members.delete(socket);
  },
  error() {
    // The client went away.
  },
};

function sendTo(socket, bytes) {
  const state = socket.data;
  if (state.pendingBytes > 0) {
    if (state.pendingBytes + bytes.length > MAX_PENDING_BYTES) return;
    state.pending.push(bytes);
    state.pendingBytes += bytes.length;
    return;
  }
  const sent = socket.write(bytes);
  if (sent >= 0 && sent < bytes.length) {
    state.pending = [bytes.subarray(sent)];
    state.pendingBytes = bytes.length - sent;
  }
}

const port = Number(Bun.argv[2]);
const socket = { echo, sink, "fan-out": fanOut }[Bun.argv[3] ?? "echo"];
if (!Number.isInteger(port) || socket === undefined) {
  console.error("usage: bun_listen.js PORT echo|sink|fan-out");
  process.exit(2);
}

const server = Bun.listen({ hostname: "127.0.0.1", port, socket });
console.log(`listening on ${server.port}`);
