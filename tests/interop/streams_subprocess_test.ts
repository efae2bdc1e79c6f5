import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  BrokenError,
  framed,
  Socket,
  TimeoutError,
  UnexpectedEofError,
} from "@sluice/net";
import { fromStreams } from "@sluice/net/adapters";
import { contentLength, json } from "@sluice/net/codec";
import { lacksPrograms, program } from "../_support/programs.ts";

const PYTHON = { ignore: lacksPrograms("python3"), timeout: 30_000 };

/** A message of JSON-RPC, as far as these tests go. */
interface Message {
  jsonrpc: "2.0";
  id: number;
  method?: string;
  params?: unknown;
  result?: unknown;
}

const codec = json<Message>(contentLength());

/** Answers messages as a language server does, until its input ends. */
const LANGUAGE_SERVER = `
import json, sys
source, target = sys.stdin.buffer, sys.stdout.buffer
while True:
    size = None
    while (line := source.readline().strip()):
        name, value = line.split(b":")
        if name.lower() == b"content-length":
            size = int(value)
    if size is None:
        break
    message = json.loads(source.read(size))
    if message["method"] == "exit":
        target.write(b"Content-Length: 100\\r\\n\\r\\n{")
        break
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": message["params"]}
    body = json.dumps(answer).encode()
    target.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    target.flush()
`;

/**
 * A Python program, and a socket over its input and output.
 *
 * `inputClosed` settles when nothing is under way at its input any more, which may be a
 * moment after the program has been killed.
 */
function startPython(source: string) {
  const child = new Deno.Command(program("python3"), {
    args: ["-c", source],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => input.write(chunk),
    close: () => input.close(),
    abort: (reason) => input.abort(reason),
  });
  const socket = new Socket(
    fromStreams({ readable: child.stdout, writable }, {
      close: () => child.kill("SIGKILL"),
      remoteAddr: { transport: "stream", name: "python" },
    }),
  );
  const inputClosed = input.closed.catch(() => {});
  return { child, socket, inputClosed };
}

Deno.test(
  "fromStreams() speaks contentLength() with a subprocess",
  PYTHON,
  async () => {
    const { child, socket } = startPython(LANGUAGE_SERVER);
    const connection = framed(socket, codec);
    const ask = async (id: number, params: unknown) => {
      await connection.send({ jsonrpc: "2.0", id, method: "echo", params });
      const answer = await connection.receive();
      assertEquals(answer, { jsonrpc: "2.0", id, result: params });
    };
    await ask(1, "hello");
    await ask(2, "ünïcödé €𝄞 ".repeat(10_000));
    // Many on their way at once.
    const ids = Array.from({ length: 1_000 }, (_, id) => id);
    const sending = connection.sendAll(
      ids.map((id): Message => ({
        jsonrpc: "2.0",
        id,
        method: "echo",
        params: [id],
      })),
    );
    for (const id of ids) {
      assertEquals((await connection.receive())?.result, [id]);
    }
    await sending;
    // It ends with its input, in peace.
    await socket.close();
    assertEquals((await child.status).code, 0);
  },
);

Deno.test(
  "fromStreams() tells of a subprocess that ends in the middle of a frame",
  PYTHON,
  async () => {
    const { child, socket } = startPython(LANGUAGE_SERVER);
    const connection = framed(socket, codec);
    await connection.send({ jsonrpc: "2.0", id: 1, method: "exit" });
    await assertRejects(() => connection.receive(), UnexpectedEofError);
    assertEquals((await child.status).code, 0);
    // What is written now is read by no process any more.
    const error = await assertRejects(async () => {
      for (let i = 0; i < 100; i++) {
        await socket.write(new Uint8Array(100_000));
        await socket.flush();
      }
    }, BrokenError);
    assertEquals(error.reason, "broken-pipe");
    socket.abort();
  },
);

Deno.test(
  "fromStreams() waits for a subprocess that stalls, and kills it when told",
  PYTHON,
  async () => {
    const { child, socket, inputClosed } = startPython(
      "import time; time.sleep(600)",
    );
    await assertRejects(() => socket.read({ timeoutMs: 50 }), TimeoutError);
    let written = 0;
    const error = await assertRejects(async () => {
      for (;;) {
        await socket.write(new Uint8Array(65_536), { timeoutMs: 300 });
        written += 65_536;
      }
    }, TimeoutError);
    assertEquals(error.operation, "write");
    assert(written < 4_000_000, `${written} bytes`);
    socket.abort();
    assertEquals((await child.status).signal, "SIGKILL");
    await inputClosed;
  },
);
