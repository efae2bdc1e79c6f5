import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import ssh from "npm:ssh2@1.17.0";
import {
  connect,
  framed,
  lengthPrefixed,
  relay,
  serve,
  Socket,
} from "@sluice/net";
import { fromDuplex, toDuplex } from "@sluice/net/adapters";

const TIMEOUT = { timeout: 60_000 };

type Callback = (error: Error | undefined, channel: Duplex) => void;

/** What is used of ssh2 here: the package has no types of its own. */
interface Client extends AsyncDisposable {
  exec(command: string, callback: Callback): void;
  end(): void;
}

/** One pair of keys for all tests. */
const HOST_KEY: string = ssh.utils.generateKeyPairSync("ed25519").private;

interface Emitter {
  on(event: string, listener: (argument: never) => void): void;
}

interface Authentication {
  password?: string;
  accept(): void;
  reject(): void;
}

/** A server of ssh2 over sockets of ours: `exec` runs an echo. */
function startSshServer() {
  const server = new ssh.Server({ hostKeys: [HOST_KEY] });
  server.on("connection", (client: Emitter) => {
    client.on("authentication", (context: Authentication) => {
      if (context.password === "secret") context.accept();
      else context.reject();
    });
    client.on("error", () => {});
    client.on("ready", () => {
      client.on("session", (accept: () => Emitter) => {
        accept().on("exec", (acceptExec: () => Duplex) => {
          const channel = acceptExec();
          channel.pipe(channel);
        });
      });
    });
  });
  return serve({ port: 0, shutdownTimeoutMs: 1_000 }, async (socket) => {
    server.injectSocket(toDuplex(socket));
    await socket.closed;
  });
}

/** A client of ssh2 over a socket of ours. */
async function login(
  socket: Socket,
  options: object = {},
): Promise<Client> {
  const client = new ssh.Client();
  const ready = once(client, "ready");
  client.connect({
    sock: toDuplex(socket),
    username: "ann",
    password: "secret",
    ...options,
  });
  await ready;
  client.on("error", () => {});
  return Object.assign(client, {
    async [Symbol.asyncDispose]() {
      client.end();
      await socket.closed;
    },
  });
}

function open(client: Client): Promise<Duplex> {
  return new Promise((resolve, reject) =>
    client.exec(
      "echo",
      (error, channel) =>
        error === undefined ? resolve(channel) : reject(error),
    )
  );
}

Deno.test(
  "toDuplex() carries ssh2 on both sides, and fromDuplex() frames over its channels",
  TIMEOUT,
  async () => {
    await using server = startSshServer();
    await using client = await login(await connect({ port: server.addr.port }));
    // Several at once, of all sizes.
    await Promise.all([0, 1, 30_000, 1_000_000].map(async (size) => {
      const channel = new Socket(fromDuplex(await open(client)));
      const connection = framed(channel, lengthPrefixed());
      const frame = crypto.getRandomValues(
        new Uint8Array(Math.min(size, 65_536)),
      );
      const whole = new Uint8Array(size);
      for (let at = 0; at < size; at += frame.length) {
        whole.set(frame.subarray(0, size - at), at);
      }
      await connection.send(whole);
      assertEquals(await connection.receive(), whole);
      await channel.close();
    }));
  },
);

Deno.test("toDuplex() tells ssh2 of a wrong password", TIMEOUT, async () => {
  await using server = startSshServer();
  const socket = await connect({ port: server.addr.port });
  await assertRejects(
    () => login(socket, { password: "guess" }),
    Error,
    "All configured authentication methods failed",
  );
  socket.abort();
});

Deno.test(
  "toDuplex() tells ssh2 of a connection that breaks in the middle",
  TIMEOUT,
  async () => {
    await using server = startSshServer();
    const between: Socket[] = [];
    await using proxy = serve({ port: 0 }, async (socket) => {
      between.push(socket);
      await relay(socket, await connect({ port: server.addr.port }));
    });
    const client = await login(await connect({ port: proxy.addr.port }));
    const channel = new Socket(fromDuplex(await open(client)));
    await channel.write("hello\n");
    assertEquals(await channel.readLine(), "hello");
    const reading = channel.read();
    between[0].abort();
    assertEquals(await reading, null);
    await channel.close();
  },
);

Deno.test(
  "toDuplex() tells ssh2 of a server that stalls in the middle",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.write("SSH-2.0-half\r\n");
      await socket.write(new Uint8Array([0, 0, 1, 4, 8, 20]));
      while (await socket.read() !== null);
    });
    const socket = await connect({ port: server.addr.port });
    await assertRejects(
      () => login(socket, { readyTimeout: 300 }),
      Error,
      "Timed out while waiting for handshake",
    );
    await socket.closed;
  },
);
