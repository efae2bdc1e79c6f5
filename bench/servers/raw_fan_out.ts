#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * What one connection sends, all get: on nothing but `Deno.Conn`, a loop of `conn.write`
 * for each frame, as a careful user would write it. Writes are partial, and two that are
 * under way at once could interleave, so what comes meanwhile waits in a queue of the
 * connection; what would make that longer than 1 MiB is dropped.
 * Usage: `raw_fan_out.ts PORT`.
 *
 * @module
 */

const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_QUEUED_BYTES = 1024 * 1024;

class Member {
  readonly conn: Deno.TcpConn;
  #isWriting = false;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  send(frame: Uint8Array): void {
    if (!this.#isWriting) {
      this.#write(frame);
    } else if (this.#queuedBytes + frame.length <= MAX_QUEUED_BYTES) {
      this.#queue.push(frame);
      this.#queuedBytes += frame.length;
    }
  }

  #write(bytes: Uint8Array): void {
    this.#isWriting = true;
    this.conn.write(bytes).then((sent) => {
      if (sent < bytes.length) return this.#write(bytes.subarray(sent));
      this.#isWriting = false;
      if (this.#queue.length > 0) this.#writeQueue();
    }, () => {
      // The client went away: its reads say so.
    });
  }

  #writeQueue(): void {
    const frames = this.#queue;
    const bytes = new Uint8Array(this.#queuedBytes);
    let filled = 0;
    for (const frame of frames) {
      bytes.set(frame, filled);
      filled += frame.length;
    }
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#write(bytes);
  }
}

const members = new Set<Member>();

async function follow(member: Member): Promise<void> {
  let input = new Uint8Array(64 * 1024);
  let filled = 0;
  while (true) {
    const count = await member.conn.read(input.subarray(filled));
    if (count === null) break;
    filled += count;
    const view = new DataView(input.buffer);
    let at = 0;
    let needed = 4;
    while (filled - at >= 4) {
      const length = view.getUint32(at);
      if (length > MAX_FRAME_BYTES) throw new RangeError("frame too large");
      needed = 4 + length;
      if (filled - at < needed) break;
      // It is read over before all have it.
      const frame = input.slice(at, at + needed);
      for (const each of members) each.send(frame);
      at += needed;
      needed = 4;
    }
    if (needed > input.length) {
      const grown = new Uint8Array(Math.min(needed, input.length * 2));
      grown.set(input.subarray(at, filled));
      input = grown;
    } else {
      input.copyWithin(0, at, filled);
    }
    filled -= at;
  }
}

const port = Number(Deno.args[0]);
if (!Number.isInteger(port)) {
  console.error("usage: raw_fan_out.ts PORT");
  Deno.exit(2);
}

const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`listening on ${listener.addr.port}`);
while (true) {
  try {
    const conn = await listener.accept();
    conn.setNoDelay(true);
    const member = new Member(conn);
    members.add(member);
    follow(member).catch(() => {
      // The client went away, or sent nonsense.
    }).finally(() => {
      members.delete(member);
      conn[Symbol.dispose]();
    });
  } catch {
    // A client that left in the backlog would have ended `for await`.
  }
}
