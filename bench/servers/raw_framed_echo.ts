#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An echo of length-prefixed frames on nothing but `Deno.Conn`: what one writes by hand
 * who knows that reads are partial, that writes are too, and that one write for all
 * frames of a read is cheaper than one each.
 *
 * With `await` there are two promises for each frame, one that brings it and one that
 * says that its echo was taken: the least that a loop costs which awaits both.
 * Usage: `raw_framed_echo.ts PORT [await]`.
 *
 * @module
 */

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

const TAKEN = Promise.resolve();

/** What an async iterator gives. */
function next(frame: Uint8Array): Promise<IteratorResult<Uint8Array>> {
  return Promise.resolve({ done: false, value: frame });
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await conn.write(bytes.subarray(sent));
  }
}

async function echo(conn: Deno.TcpConn): Promise<void> {
  let input = new Uint8Array(64 * 1024);
  let output = new Uint8Array(64 * 1024);
  let filled = 0;
  conn.setNoDelay(true);
  while (true) {
    const count = await conn.read(input.subarray(filled));
    if (count === null) break;
    filled += count;

    const view = new DataView(input.buffer);
    let at = 0;
    let out = 0;
    let needed = 4;
    while (filled - at >= 4) {
      const length = view.getUint32(at);
      if (length > MAX_FRAME_BYTES) throw new RangeError("frame too large");
      needed = 4 + length;
      if (filled - at < needed) break;
      const frame = input.subarray(at + 4, at + needed);
      if (awaits) {
        await next(frame);
        await TAKEN;
      }
      if (output.length - out < needed) {
        await writeAll(conn, output.subarray(0, out));
        out = 0;
        if (output.length < needed) output = new Uint8Array(needed);
      }
      new DataView(output.buffer).setUint32(out, frame.length);
      output.set(frame, out + 4);
      out += needed;
      at += needed;
      needed = 4;
    }
    if (out > 0) await writeAll(conn, output.subarray(0, out));

    if (needed > input.length) {
      // Grows with the bytes that came, not with the length that was claimed.
      const grown = new Uint8Array(Math.min(needed, input.length * 2));
      grown.set(input.subarray(at, filled));
      input = grown;
    } else {
      input.copyWithin(0, at, filled);
    }
    filled -= at;
  }
  conn.close();
}

const port = Number(Deno.args[0]);
const awaits = Deno.args[1] === "await";
if (!Number.isInteger(port) || Deno.args.length > 1 && !awaits) {
  console.error("usage: raw_framed_echo.ts PORT [await]");
  Deno.exit(2);
}

const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`listening on ${listener.addr.port}`);
while (true) {
  try {
    const conn = await listener.accept();
    echo(conn).catch(() => {
      // The client went away, or sent nonsense.
      conn[Symbol.dispose]();
    });
  } catch {
    // A client that left in the backlog would have ended `for await`.
  }
}
