import { assertEquals, assertRejects } from "@std/assert";
import { createServer, request as requestNode } from "node:http";
import * as http2 from "node:http2";
import { Agent, fetch, request } from "npm:undici@8.13.1";
import { BrokenError, connect, serve, type Socket } from "@sluice/net";
import { type SocketDuplex, toDuplex } from "@sluice/net/adapters";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";

const TIMEOUT = { timeout: 30_000 };

/** A dispatcher of undici whose connections are sockets of ours. */
function agentOver(
  open: (url: { hostname: string; port: number }) => Promise<Socket>,
): Agent {
  return new Agent({
    connections: 2,
    // Its own timers outlive it when they are long.
    ...{ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 500 },
    connect({ hostname, port, protocol }, callback) {
      const known = port === "" ? (protocol === "https:" ? 443 : 80) : +port;
      open({ hostname, port: known }).then(
        (socket) => callback(null, toDuplex(socket)),
        (error) => callback(error, null),
      );
    },
  });
}

function echoServer(options: { cert?: string; key?: string } = {}) {
  return Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    ...options as object,
  }, async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    return new Response(body, { headers: { "x-method": request.method } });
  });
}

async function converse(origin: string, dispatcher: Agent): Promise<void> {
  for (const size of [0, 1, 1_000, 3_000_000]) {
    const body = new Uint8Array(size).map((_, index) => index * 31);
    const response = await fetch(origin, { method: "POST", body, dispatcher });
    assertEquals(response.headers.get("x-method"), "POST");
    assertEquals(new Uint8Array(await response.arrayBuffer()), body);
  }
  const answers = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const body = `number ${i}`;
    const response = await fetch(origin, { method: "PUT", body, dispatcher });
    return await response.text();
  }));
  assertEquals(answers[49], "number 49");
}

Deno.test("toDuplex() carries undici's fetch", TIMEOUT, async () => {
  await using server = echoServer();
  let opened = 0;
  const dispatcher = agentOver((where) => {
    opened++;
    return connect(where);
  });
  await converse(`http://127.0.0.1:${server.addr.port}`, dispatcher);
  // They are used again.
  assertEquals(opened <= 2, true, `${opened} connections`);
  await dispatcher.close();
});

Deno.test(
  "toDuplex() carries undici's fetch over our TLS",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    await using server = echoServer(await authority.issue());
    const tls = { caCerts: [authority.cert], alpnProtocols: ["http/1.1"] };
    const dispatcher = agentOver((where) => connect({ ...where, tls }));
    await converse(`https://localhost:${server.addr.port}`, dispatcher);
    await dispatcher.close();
  },
);

Deno.test(
  "toDuplex() tells undici of an answer that is cut off, and of one that stalls",
  TIMEOUT,
  async () => {
    for (const how of ["cut", "stalled"]) {
      await using server = serve({ port: 0 }, async (socket) => {
        await socket.readUntil("\r\n\r\n");
        await socket.write(
          "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        );
        await socket.flush();
        if (how === "stalled") await socket.read();
      });
      const dispatcher = agentOver((where) =>
        connect({ ...where, readMs: 200 })
      );
      // Its `fetch` waits for ever here, over a socket of Node's own as well (Deno 2.9).
      const { body } = await request(`http://127.0.0.1:${server.addr.port}`, {
        dispatcher,
      });
      const error: Error & { code?: string } = await assertRejects(
        () => body.text(),
        Error,
      );
      assertEquals(error.code, how === "cut" ? "UND_ERR_SOCKET" : "ETIMEDOUT");
      await dispatcher.destroy();
    }
  },
);

Deno.test("toDuplex() tells undici that nothing listens", TIMEOUT, async () => {
  const dispatcher = agentOver((where) => connect(where));
  await assertRejects(
    () => request(`http://127.0.0.1:${freePort()}`, { dispatcher }),
    BrokenError,
    "connection refused",
  );
  await dispatcher.close();
});

Deno.test("toDuplex() carries node:http on both sides", TIMEOUT, async () => {
  const http = createServer((request, response) => {
    response.setHeader("x-from", request.socket.remoteAddress ?? "");
    request.pipe(response);
  });
  await using server = serve({ port: 0 }, async (socket) => {
    http.emit("connection", toDuplex(socket));
    await socket.closed;
  });
  let duplex: SocketDuplex | undefined;
  for (const size of [1, 1_000_000]) {
    duplex = toDuplex(await connect({ port: server.addr.port }));
    const body = new Uint8Array(size).map((_, index) => index * 31);
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      const sent = requestNode({
        method: "POST",
        headers: { connection: "close" },
        createConnection: () => duplex!,
      }, async (response) => {
        assertEquals(response.headers["x-from"], "127.0.0.1");
        const chunks = await Array.fromAsync<Uint8Array>(response);
        resolve(
          new Uint8Array(
            await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer(),
          ),
        );
      });
      sent.on("error", reject);
      sent.end(body);
    });
    assertEquals(await answer, body);
  }
});

Deno.test("toDuplex() carries node:http2 on both sides", TIMEOUT, async () => {
  const http = http2.createServer((request, response) =>
    request.pipe(response)
  );
  await using server = serve({ port: 0 }, async (socket) => {
    http.emit("connection", toDuplex(socket));
    await socket.closed;
  });
  const socket = await connect({ port: server.addr.port });
  const session = http2.connect("http://localhost", {
    createConnection: () => toDuplex(socket),
  });
  const sent = new Uint8Array(100_000).map((_, index) => index * 31);
  const request = session.request({ ":method": "POST", ":path": "/" });
  request.end(sent);
  const chunks = await Array.fromAsync<Uint8Array<ArrayBuffer>>(request);
  assertEquals(await new Blob(chunks).bytes(), sent);
  session.destroy();
  await socket.closed;
});
