import { assertGreater } from "@std/assert";
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
}

/**
 * Floods a server and pings it on another connection; prints how many pings were answered
 * before the floods were through.
 */
const floodAndPing = (
  { port, pingPort = port, caCert, floods = 1 }: Target,
  block: string,
  megabytes: number,
) => `
const hostname = "127.0.0.1";
const caCert = ${JSON.stringify(caCert ?? null)};
const connect = () => caCert === null
  ? Deno.connect({ hostname, port: ${port} })
  : Deno.connectTls({ hostname, port: ${port}, caCerts: [caCert] });
const floods = await Promise.all(Array.from({ length: ${floods} }, connect));
const ping = await Deno.connect({ hostname, port: ${pingPort} });
ping.setNoDelay(true);
const block = Uint8Array.from(atob("${block}"), (c) => c.charCodeAt(0));
let flooding = ${floods};
const flooded = floods.map(async (flood) => {
  for (let sent = 0; sent < ${megabytes} * 1e6;) sent += await flood.write(block.subarray(sent % block.length));
  flood.closeWrite();
  // The server ends its side when it has read everything.
  await flood.read(new Uint8Array(1));
  flooding--;
});
let answered = 0;
const answer = new Uint8Array(64);
const question = new TextEncoder().encode("ping\\n");
while (true) {
  await ping.write(question);
  await ping.read(answer);
  if (flooding === 0) break;
  answered++;
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(flooded);
console.log(answered);
Deno.exit();
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
        floodAndPing(server.addr, linesOf(lineBytes), megabytes),
      );
      // Each flood takes 0.5 to 2 s of the server's time. Before there was a budget, one or
      // two pings were answered meanwhile.
      assertGreater(Number(await program.nextLine()), 20);
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
  { timeout: 60_000 },
  async () => {
    const authority = await createAuthority();
    const tls = { ...await authority.issue(), dropSilent: true };
    await using server = serve({ port: 0, tls }, discard);
    await using pinged = serve({ port: 0 }, echo);
    const target = {
      port: server.addr.port,
      pingPort: pinged.addr.port,
      caCert: authority.cert,
    };
    await using program = await DenoProgram.start(
      floodAndPing(target, linesOf(16_384), 1_000),
    );
    // Three, where a read that took turns of the event loop passed for one that waited.
    assertGreater(Number(await program.nextLine()), 20);
  },
);

Deno.test(
  "floods of many peers that cost much keep no other peer waiting",
  { timeout: 60_000 },
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      for await (const chunk of socket) {
        const until = performance.now() + 1;
        if (chunk.length > 5) { while (performance.now() < until); }
        else await socket.write("pong\n");
      }
    });
    const target = { port: server.addr.port, floods: 16 };
    await using program = await DenoProgram.start(
      floodAndPing(target, linesOf(16_384), 8),
    );
    // All floods together are two thousand reads. Ten pings were answered, where reads of
    // other floods that were ready ended a pause before I/O events were asked for.
    assertGreater(Number(await program.nextLine()), 16);
  },
);
