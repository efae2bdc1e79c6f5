import {
  BusyError,
  ClosedError,
  connect,
  serve,
  type Socket,
} from "@sluice/net";
import { capture, memoryPair } from "@sluice/net/testing";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createAuthority } from "../_support/certificates.ts";
import { lacksPrograms } from "../_support/programs.ts";

const TIMEOUT_MS = 30_000;

/** A stream that keeps what it is given. */
function memoryFile(): {
  writable: WritableStream<Uint8Array>;
  bytes: Promise<Uint8Array>;
} {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  return { writable, bytes: new Response(readable).bytes() };
}

/** What tcpdump reads in a file: a line a packet, and its bytes as text. */
async function dump(file: Uint8Array): Promise<string[]> {
  const path = await Deno.makeTempFile({ suffix: ".pcapng" });
  try {
    await Deno.writeFile(path, file);
    const { code, stdout, stderr } = await new Deno.Command("tcpdump", {
      // Numbers, no time, checksums, and never another user: the file is ours.
      args: ["-n", "-t", "-vv", "-A", "-Z", "root", "-r", path],
      env: { TZ: "UTC" },
    }).output();
    const errors = new TextDecoder().decode(stderr);
    assertEquals(code, 0, errors);
    return new TextDecoder().decode(stdout).split("\n");
  } finally {
    await Deno.remove(path);
  }
}

/** Flags, numbers and lengths of the packets, as tcpdump tells them. */
function packets(lines: string[]): string[] {
  return lines.flatMap((line) => {
    const found = line.match(
      /^ +(\S+) > (\S+): Flags \[(\S+)\], cksum 0x\w+ \((\w+)\).*?length (\d+)/,
    );
    if (found === null) return [];
    const [, , , flags, checksum, length] = found;
    assertEquals(checksum, "correct", line);
    return [`${flags} ${length}`];
  });
}

async function tcpPair(): Promise<
  { client: Socket; server: Socket; [Symbol.asyncDispose](): Promise<void> }
> {
  const accepted = Promise.withResolvers<Socket>();
  const done = Promise.withResolvers<void>();
  const listening = serve({ port: 0 }, async (socket) => {
    accepted.resolve(socket);
    await done.promise;
  });
  const client = await connect(listening.addr);
  const server = await accepted.promise;
  return {
    client,
    server,
    [Symbol.asyncDispose]: async () => {
      client.abort();
      done.resolve();
      await listening.shutdown();
    },
  };
}

Deno.test({
  name:
    "capture() writes a file that tcpdump reads: data, both ends, checksums",
  ignore: lacksPrograms("tcpdump"),
  timeout: TIMEOUT_MS,
  async fn() {
    await using pair = await tcpPair();
    const { client, server } = pair;
    const { writable, bytes } = memoryFile();
    const captured = capture(client, writable);
    await client.write("ping\n");
    assertEquals(await server.readLine(), "ping");
    await server.write("pong!\n");
    assertEquals(await client.readLine(), "pong!");
    // More than a packet holds.
    const large = new Uint8Array(200_001).fill(97);
    const [, got] = await Promise.all([
      client.write(large),
      server.readExactly(large.length),
    ]);
    assertEquals(got.length, large.length);
    await client.closeWrite();
    assertEquals(await server.read(), null);
    await server.closeWrite();
    assertEquals(await client.read(), null);
    await client.close();
    await captured.finished;

    const lines = await dump(await bytes);
    const told = packets(lines);
    assertEquals(told.slice(0, 5), ["S 0", "S. 0", ". 0", "P. 5", "P. 6"]);
    assertEquals(told.slice(-2), ["F. 0", "F. 0"]);
    const sizes = told.slice(5, -2).map((each) => Number(each.split(" ")[1]));
    assertEquals(sizes.reduce((a, b) => a + b), large.length);
    assert(lines.some((line) => line.includes("pong!")));
    assertEquals(captured.stats, { packets: told.length, dropped: 0 });
    const port = (client.remoteAddr as Deno.NetAddr).port;
    assert(
      lines.some((line) => line.includes(`> 127.0.0.1.${port}: Flags [S]`)),
    );
  },
});

Deno.test({
  name:
    "capture() writes what TLS carries in the clear, and resets of the peer",
  ignore: lacksPrograms("tcpdump"),
  timeout: TIMEOUT_MS,
  async fn() {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue({ names: ["localhost"] });
    await using server = serve(
      { port: 0, tls: { cert, key }, onError: () => {} },
      async (socket) => {
        await socket.write("secret\n");
        await socket.readLine();
        throw new Error("cut");
      },
    );
    const client = await connect({
      ...server.addr,
      tls: { caCerts: [authority.cert], serverName: "localhost" },
    });
    const { writable, bytes } = memoryFile();
    const captured = capture(client, writable);
    assertEquals(await client.readLine(), "secret");
    client.abort(new Error("enough"));
    await captured.finished;
    const lines = await dump(await bytes);
    assert(lines.some((line) => line.includes("secret")));
    assertEquals(packets(lines).at(-1), "R. 0");
  },
});

Deno.test({
  name: "capture() gives connections without IP addresses some",
  ignore: lacksPrograms("tcpdump"),
  timeout: TIMEOUT_MS,
  async fn() {
    const [left, right] = memoryPair();
    const { writable, bytes } = memoryFile();
    await using captured = capture(left, writable);
    await right.write("hello\n");
    assertEquals(await left.readLine(), "hello");
    await captured.close();
    const file = await bytes;
    const lines = await dump(file);
    assert(lines.some((line) => line.includes("192.0.2.2.2 > 192.0.2.1.1")));
    assert(new TextDecoder().decode(file).includes("memory"));
    left.abort();
    right.abort();
  },
});

Deno.test("capture() holds up no socket: what finds no room is counted", async () => {
  const [left, right] = memoryPair();
  const open = Promise.withResolvers<void>();
  const slow = new WritableStream<Uint8Array>({ write: () => open.promise });
  const captured = capture(left, slow, { maxQueuedBytes: 2_000 });
  for (let i = 0; i < 10; i++) {
    await left.write(new Uint8Array(1_000));
    await right.readExactly(1_000);
  }
  // The header, the opening and one piece; then it was full.
  assertEquals(captured.stats, { packets: 4, dropped: 9 });
  open.resolve();
  await captured.close();
  left.abort();
  right.abort();
});

Deno.test("capture() that fails to write ends, says so, and leaves the socket alone", async () => {
  const [left, right] = memoryPair();
  const full = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new RangeError("no space left")),
  });
  const captured = capture(left, full);
  await assertRejects(() => captured.finished, RangeError, "no space left");
  await left.write("still there\n");
  assertEquals(await right.readLine(), "still there");
  await assertRejects(() => captured.close(), RangeError, "no space left");
  left.abort();
  right.abort();
});

Deno.test("capture() breaks no socket where the clock says what no file can", async () => {
  const { now } = Date;
  const [left, right] = memoryPair();
  const file = memoryFile();
  try {
    const captured = capture(left, file.writable);
    for (const odd of [-1, NaN, Infinity, 1e300]) {
      Date.now = () => odd;
      await right.write("x");
      assertEquals((await left.read())?.length, 1);
    }
    await captured.close();
    assertEquals(captured.stats.dropped, 0);
  } finally {
    Date.now = now;
  }
  await file.bytes;
  left.abort();
});

Deno.test("capture() is one at a time, and takes up where the last one ended", async () => {
  const [left, right] = memoryPair();
  const first = memoryFile();
  await using captured = capture(left, first.writable);
  const busy = memoryFile();
  assertThrows(() => capture(left, busy.writable), BusyError);
  // It took nothing of the stream.
  assertEquals(busy.writable.locked, false);
  await busy.writable.close();
  await captured.close();
  const second = memoryFile();
  const again = capture(left, second.writable);
  await right.write("x");
  assertEquals((await left.readExactly(1))[0], 120);
  await right.closeWrite();
  assertEquals(await left.read(), null);
  left.abort();
  right.abort();
  await again.finished;
  assert(again.stats.packets >= 5);
  assertEquals((await first.bytes).length < (await second.bytes).length, true);
  assertThrows(() => capture(left, memoryFile().writable), ClosedError);
});

Deno.test("capture() refuses what is neither a socket nor a stream", () => {
  const { writable } = new TransformStream<Uint8Array, Uint8Array>();
  const nothing = {} as never;
  assertThrows(
    () => capture(nothing, writable),
    TypeError,
    "Cannot capture: socket must be a Socket",
  );
  const [left, right] = memoryPair();
  assertThrows(
    () => capture(left, nothing),
    TypeError,
    "Cannot capture: writable must be a WritableStream",
  );
  const locked = new WritableStream();
  locked.getWriter();
  assertThrows(
    () => capture(left, locked),
    TypeError,
    "Cannot capture: writable must be a stream that is not locked",
  );
  assertThrows(
    () => capture(left, writable, { maxQueuedBytes: 0 }),
    RangeError,
    "maxQueuedBytes",
  );
  left.abort();
  right.abort();
});

Deno.test("an array that is transferred while it is written is left out of the file, and counted", async () => {
  const [left, right] = memoryPair();
  const { writable, bytes } = memoryFile();
  const captured = capture(left, writable);
  const array = new Uint8Array(4 * 1024 * 1024);
  const written = left.write(array).catch((error) => error);
  const reading = (async () => {
    while (await right.read().catch(() => null) !== null);
  })();
  structuredClone(array, { transfer: [array.buffer] });
  await written;
  left.abort();
  await captured.finished;
  right.abort();
  await reading;
  assert((await bytes).length > 0);
  assert(captured.stats.dropped > 0);
});
