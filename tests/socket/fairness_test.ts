import { assertEquals } from "@std/assert";
import { framed, lines, serve, type Socket } from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { DenoProgram } from "../_support/deno_program.ts";

/** What a program floods and pings. */
interface Target {
  port: number;
  /** Where the pings go; `port` by default. */
  pingPort?: number;
  /** The flood goes over TLS, to a server of this authority. */
  caCert?: string;
  /** Connections that flood at once; one by default. */
  floods?: number;
  /** How many pings are to be answered. */
  enough: number;
  /** For how many times the megabytes the floods may go on; 3 by default. */
  patience?: number;
}

/**
 * Floods a server and pings it on another connection, until enough pings were answered or
 * the floods are through; prints how many were. A busy machine slows both down, so the
 * megabytes count, and not the time. Pings that are answered before the server is behind,
 * in the first quarter of the megabytes, do not count.
 */
const floodAndPing = (
  { port, pingPort = port, caCert, floods = 1, enough, patience = 3 }: Target,
  block: string,
  megabytes: number,
) => `
const hostname = "127.0.0.1";
const ping = await Deno.connect({ hostname, port: ${pingPort} });
ping.setNoDelay(true);
const floods = new Worker(URL.createObjectURL(new Blob([${
  JSON.stringify(floodProgram)
}], { type: "text/javascript" })), { type: "module" });
// Its messages: the server is behind, and all is sent.
const heard = () => new Promise((resolve) => floods.onmessage = resolve);
floods.postMessage(${
  JSON.stringify({
    port,
    caCert,
    floods,
    block,
    behind: megabytes * floods * 0.25e6,
    bytes: megabytes * patience * 1e6,
  })
});
await heard();
let flooding = true;
heard().then(() => flooding = false);
let answered = 0;
const answer = new Uint8Array(64);
const question = new TextEncoder().encode("ping\\n");
while (answered < ${enough}) {
  await ping.write(question);
  await ping.read(answer);
  if (!flooding) break;
  answered++;
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(answered);
Deno.exit();
`;

/** What floods: in a thread of its own, so that it does not hold up the pings itself. */
const floodProgram = `
onmessage = async ({ data: { port, caCert, floods, block, behind, bytes } }) => {
  const hostname = "127.0.0.1";
  const data = Uint8Array.from(atob(block), (c) => c.charCodeAt(0));
  let total = 0;
  await Promise.all(Array.from({ length: floods }, async () => {
    const flood = await (caCert === undefined
      ? Deno.connect({ hostname, port })
      : Deno.connectTls({ hostname, port, caCerts: [caCert] }));
    for (let sent = 0; sent < bytes;) {
      const written = await flood.write(data.subarray(sent % data.length));
      sent += written;
      if (total < behind && (total += written) >= behind) postMessage("behind");
    }
    flood.closeWrite();
    // The server ends its side when it has read everything.
    await flood.read(new Uint8Array(1));
  }));
  postMessage("sent");
};
`;

async function onLine(socket: Socket, line: string): Promise<void> {
  if (line === "ping") await socket.write("pong\n");
}

const READERS: Record<string, (socket: Socket) => Promise<void>> = {
  async "for await"(socket) {
    for await (const line of framed(socket, lines())) {
      await onLine(socket, line);
    }
  },
  async "batches()"(socket) {
    for await (const batch of framed(socket, lines()).batches()) {
      for (const line of batch) await onLine(socket, line);
    }
  },
  async "readLine()"(socket) {
    while (true) {
      const line = await socket.readLine();
      if (line === null) return;
      await onLine(socket, line);
    }
  },
  async "for await, echoing"(socket) {
    const connection = framed(socket, lines());
    for await (const line of connection) {
      if (line === "ping") await connection.send("pong");
      else await connection.flush();
    }
  },
  async "readable"(socket) {
    for await (const chunk of socket.readable) {
      if (chunk.length === 5 && chunk[0] === 112) await socket.write("pong\n");
    }
  },
};

/** 64 KiB of lines of so many bytes, as base64. */
function linesOf(bytes: number): string {
  const line = "a".repeat(bytes - 1) + "\n";
  return btoa(line.repeat(Math.ceil(65_536 / bytes)));
}

const CASES: [reader: string, lineBytes: number, megabytes: number][] = [
  ["for await", 5, 15],
  ["for await", 64, 150],
  ["for await, echoing", 5, 15],
  ["batches()", 5, 25],
  ["readLine()", 5, 5],
  ["readable", 16_384, 2_000],
];

for (const [reader, lineBytes, megabytes] of CASES) {
  Deno.test(
    `a flood of ${lineBytes} bytes a line keeps no other peer waiting: ${reader}`,
    {
      timeout: 60_000,
    },
    async () => {
      await using server = serve({ port: 0 }, READERS[reader]);
      await using program = await DenoProgram.start(
        floodAndPing(
          { port: server.addr.port, enough: 21 },
          linesOf(lineBytes),
          megabytes,
        ),
      );
      // Before there was a budget, up to nine were answered in as many megabytes.
      assertEquals(await program.nextLine(), "21");
    },
  );
}

async function discard(socket: Socket): Promise<void> {
  for await (const _ of socket);
}

const echo = async (socket: Socket) => {
  for await (const chunk of socket) await socket.write(chunk);
};

Deno.test(
  "a flood over node:tls keeps no other peer waiting",
  { timeout: 180_000 },
  async () => {
    const authority = await createAuthority();
    const tls = { ...await authority.issue(), dropSilent: true };
    await using server = serve({ port: 0, tls }, discard);
    await using pinged = serve({ port: 0 }, echo);
    const target = {
      port: server.addr.port,
      pingPort: pinged.addr.port,
      caCert: authority.cert,
      enough: 40,
      patience: 1,
    };
    await using program = await DenoProgram.start(
      floodAndPing(target, linesOf(16_384), 1_000),
    );
    // Some ten in as many megabytes, where a read that took turns of the event loop
    // passed for one that waited.
    assertEquals(await program.nextLine(), "40");
  },
);

Deno.test(
  "floods of many peers that cost much keep no other peer waiting",
  { timeout: 180_000 },
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      for await (const chunk of socket) {
        const until = performance.now() + 1;
        if (chunk.length > 5) { while (performance.now() < until); }
        else await socket.write("pong\n");
      }
    });
    const { port } = server.addr;
    const target = { port, floods: 16, enough: 17, patience: 1 };
    await using program = await DenoProgram.start(
      floodAndPing(target, linesOf(16_384), 8),
    );
    // All floods together are two thousand reads. Ten pings were answered, where reads of
    // other floods that were ready ended a pause before I/O events were asked for.
    assertEquals(await program.nextLine(), "17");
  },
);
