import { assert, assertEquals } from "@std/assert";
import {
  type Acceptor,
  connect,
  framed,
  serve,
  type Socket,
  type Transport,
} from "@sluice/net";
import { fromWebSocket, type StreamAddr } from "@sluice/net/adapters";
import { bundle } from "../_support/bundle.ts";
import { lacksBrowser, openBrowser } from "../_support/browser.ts";
import { POINTS, type Points } from "./_points.ts";

/** Adds up points, for whatever kind of client. */
async function addUp(socket: Socket): Promise<void> {
  const connection = framed(socket, POINTS);
  for await (const packet of connection) {
    if (packet.type !== "add") continue;
    let [x, y] = [0, 0];
    for (const point of packet.points) {
      x += point.x;
      y += point.y;
    }
    const note = `${packet.points.length} points ✓`;
    await connection.send({ type: "sum", id: packet.id, x, y, note });
  }
}

/** Hands the WebSockets of an HTTP server to `serve`. */
class WebSocketAcceptor implements Acceptor<StreamAddr> {
  readonly addr: StreamAddr = { transport: "stream", name: "websockets" };
  readonly #ready: Transport[] = [];
  #waiting: PromiseWithResolvers<Transport> | undefined;

  add(transport: Transport): void {
    if (this.#waiting === undefined) this.#ready.push(transport);
    else this.#waiting.resolve(transport);
    this.#waiting = undefined;
  }

  accept(): Promise<Transport> {
    const next = this.#ready.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  close(): void {
    this.#waiting?.reject(new Deno.errors.BadResource("closed"));
  }
}

/** What runs in the page: it answers questions of the test's by `ask`. */
const PAGE = `
import { decodeStream, encodeStream } from "./lib/codec/mod.ts";
import { POINTS } from "./tests/interop/_points.ts";

const webSocket = new WebSocket("ws://" + location.host + "/points");
webSocket.binaryType = "arraybuffer";
const opened = new Promise((resolve) => webSocket.onopen = resolve);
const chunks = new ReadableStream({
  start(controller) {
    webSocket.onmessage = ({ data }) => controller.enqueue(new Uint8Array(data));
    webSocket.onclose = () => controller.close();
  },
});
const packets = chunks.pipeThrough(decodeStream(POINTS)).getReader();
const encoder = encodeStream(POINTS);
encoder.readable.pipeTo(new WritableStream({
  async write(bytes) {
    await opened;
    // In pieces that no packet begins or ends with.
    for (let at = 0; at < bytes.length; at += 1000) {
      webSocket.send(bytes.slice(at, at + 1000));
    }
  },
}));
const writer = encoder.writable.getWriter();
globalThis.ask = async (questions) => {
  const answers = [];
  for (const question of questions) writer.write(question);
  for (const _ of questions) answers.push((await packets.read()).value);
  return answers;
};
globalThis.leave = async () => {
  webSocket.close(1000);
  return (await packets.read()).done;
};
`;

function questions(): Points[] {
  return [0, 1, 3, 5_000].map((size, id) => ({
    type: "add",
    id,
    points: Array.from({ length: size }, (_, i) => ({ x: i / 2, y: -i })),
  }));
}

const ANSWERS: Points[] = [
  { type: "sum", id: 0, x: 0, y: 0, note: "0 points ✓" },
  { type: "sum", id: 1, x: 0, y: 0, note: "1 points ✓" },
  { type: "sum", id: 2, x: 1.5, y: -3, note: "3 points ✓" },
  { type: "sum", id: 3, x: 6248750, y: -12497500, note: "5000 points ✓" },
];

Deno.test(
  "a page in a browser speaks packets over a WebSocket to the handler that serves TCP",
  {
    timeout: 60_000,
    ignore: lacksBrowser(),
    // Playwright keeps a few promises of its own pending until the process ends.
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async () => {
    const acceptor = new WebSocketAcceptor();
    const ended: Promise<void>[] = [];
    await using webSockets = serve({ acceptor }, async (socket) => {
      ended.push(socket.closed);
      await addUp(socket);
    });
    await using tcp = serve({ port: 0 }, addUp);

    const script = bundle(PAGE, "iife").code as Uint8Array<ArrayBuffer>;
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request, { remoteAddr }) => {
        switch (new URL(request.url).pathname) {
          case "/points": {
            const { socket, response } = Deno.upgradeWebSocket(request);
            acceptor.add(fromWebSocket(socket, { remoteAddr }));
            return response;
          }
          case "/page.js":
            return new Response(script, {
              headers: { "content-type": "text/javascript" },
            });
          default:
            return new Response(
              `<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>`,
              { headers: { "content-type": "text/html; charset=utf-8" } },
            );
        }
      },
    );

    // Over TCP first: the handler is the same.
    await using client = await connect({ port: tcp.addr.port });
    const connection = framed(client, POINTS);
    await connection.sendAll(questions());
    for (const answer of ANSWERS) {
      assertEquals(await connection.receive(), answer);
    }

    await using browser = await openBrowser();
    const { page, complaints } = browser;
    await page.goto(`http://127.0.0.1:${http.addr.port}/`);
    const asked = JSON.stringify(questions());
    for (let round = 0; round < 3; round++) {
      assertEquals(await page.evaluate(`ask(${asked})`), ANSWERS);
    }
    assertEquals(webSockets.stats.active, 1);
    assertEquals(await page.evaluate("leave()"), true);
    assertEquals(ended.length, 1);
    await ended[0];
    assertEquals(complaints, []);
    assert(script.length < 100_000, `${script.length} bytes`);
  },
);
