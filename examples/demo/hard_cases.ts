/**
 * What goes wrong on real networks, done on purpose. Each function says what it saw,
 * and throws if that is not what a good server and a good client do.
 *
 * @module
 */

import { once } from "node:events";
import { connect as connectNode } from "node:net";
import {
  BrokenError,
  connect,
  framed,
  FrameTooLargeError,
  lengthPrefixed,
  listen,
  serve,
  type Server,
  type ServerEvent,
  sleep,
  type Socket,
  TimeoutError,
} from "@sluice/net";

/** Is called with every event of a server. */
export type EventSource = (
  listener: (event: ServerEvent) => void,
) => Disposable;

const frames = lengthPrefixed();
const TIMEOUT_MS = 2_000;

/** Half of a message comes, the read gives up, the other half comes: all is there. */
export async function timedRead(): Promise<string> {
  using listener = listen({ port: 0 });
  await using client = await connect({ port: portOf(listener) });
  await using peer = await listener.accept() ?? fail("no client came");

  const message = crypto.getRandomValues(new Uint8Array(1_000));
  await peer.write(message.subarray(0, 400));
  const error = await client.readExactly(1_000, { timeoutMs: 50 })
    .catch((error) => error);
  expect(error instanceof TimeoutError, `no timeout, but ${error}`);

  await peer.write(message.subarray(400));
  const received = await client.readExactly(1_000, { timeoutMs: TIMEOUT_MS });
  expect(received.every((byte, at) => byte === message[at]), "other bytes");
  await Promise.all([client.close(), peer.close()]);
  return "gave up with 400 of 1000 bytes; the next got all 1000";
}

/**
 * A client connects and resets before the server has accepted it, as port scanners
 * do. On Linux `accept` then fails with ENOTCONN, which ends a naive loop.
 */
export async function resetInBacklog(
  server: Server,
  events: EventSource,
): Promise<string> {
  const refused: unknown[] = [];
  using _ = events((event) => {
    if (event.type === "accept-error") refused.push(event.error);
  });
  server.suspend();
  // The accept that is under way takes this one; those after it stay in the backlog.
  await using first = await connect({ port: portOf(server) });
  const scanner = connectNode(portOf(server), "127.0.0.1");
  await once(scanner, "connect");
  // Of Deno's APIs only this one can send a reset on demand.
  scanner.resetAndDestroy();
  await once(scanner, "close");
  await using next = await connect({ port: portOf(server) });
  server.resume();

  await expectEcho(first);
  await expectEcho(next);
  const failures = refused.map((error) =>
    error instanceof BrokenError ? error.reason : String(error)
  );
  // Other systems take such a client off the backlog, or accept it and fail later.
  if (Deno.build.os === "linux") {
    expect(failures.join() === "reset", `accept failed with "${failures}"`);
  }
  return failures.length > 0
    ? `accept failed (${failures}); the next client got its echo`
    : "accept saw nothing of it; the next client got its echo";
}

/** A client claims a frame of 4 GiB. */
export async function oversizeFrame(
  server: Server,
  events: EventSource,
): Promise<string> {
  const heard = Promise.withResolvers<unknown>();
  using _ = events((event) => {
    if (event.type === "error") heard.resolve(event.error);
  });
  await using bystander = await connect({ port: portOf(server) });
  await expectEcho(bystander);
  await using attacker = await connect({ port: portOf(server) });
  await attacker.write(new Uint8Array([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));

  const error = await heard.promise;
  expect(error instanceof FrameTooLargeError, `no such error, but ${error}`);
  const ending = await attacker.read({ timeoutMs: TIMEOUT_MS })
    .catch((error) => error);
  expect(
    ending === null || ending instanceof BrokenError,
    `the attacker was not cut off, but got ${ending}`,
  );
  await expectEcho(bystander);
  return `${error.claimed} bytes claimed, cut off; the others go on`;
}

/** A client ends its side, and only then the server answers. */
export async function halfClose(): Promise<string> {
  await using counter = serve({ port: 0 }, async (socket) => {
    let bytes = 0;
    for await (const chunk of socket) bytes += chunk.length;
    await socket.write(`${bytes} bytes\n`);
  });
  await using client = await connect({ port: portOf(counter) });
  await client.write(new Uint8Array(300_000));
  await client.closeWrite();
  const answer = await client.readLine({ timeoutMs: TIMEOUT_MS });
  expect(answer === "300000 bytes", `the answer was ${answer}`);
  return `the answer "${answer}" came after our end`;
}

/**
 * The server ends while three clients are inside a message, one is silent between two,
 * and one never sends the rest of its own.
 */
export async function drain(server: Server): Promise<string> {
  const port = portOf(server);
  await untilActive(server, 0);
  const readBefore = server.stats.bytesRead;
  const [silent, stuck, ...busy] = await Promise.all(
    Array.from({ length: 5 }, () => connect({ port })),
  );
  await untilActive(server, 5);
  const message = crypto.getRandomValues(new Uint8Array(64));
  await expectEcho(silent);
  const header = new Uint8Array([0, 0, 0, message.length]);
  for (const client of [stuck, ...busy]) {
    await expectEcho(client);
    await client.write(header);
    await client.write(message.subarray(0, 10));
    await client.flush();
  }
  // The server has it, too: what it has not seen of a message is not begun.
  do await sleep(5); while (
    server.stats.bytesRead < readBefore + 5 * (4 + 64) + 4 * (4 + 10)
  );

  const report = server.shutdown({ timeoutMs: 500 });
  expect(await silent.read() === null, "the silent client was not let go");
  for (const client of busy) {
    await client.write(message.subarray(10));
    const answer = await framed(client, frames).receive();
    expect(answer?.join() === message.join(), "the echo is not what was sent");
    await client.close();
  }
  await silent.close();
  const { completed, aborted } = await report;
  stuck.abort();
  expect(
    completed === 4 && aborted === 1,
    `${completed} completed, ${aborted} aborted`,
  );
  await using again = serve({ port }, () => {});
  expect(portOf(again) === port, "the port is not free");
  return `${completed} finished, ${aborted} cut at the deadline, port free again`;
}

/** A closed client is gone for the server a little later. */
async function untilActive(server: Server, count: number): Promise<void> {
  do await sleep(5); while (server.stats.active !== count);
}

/** Checks that the server still does its work. */
async function expectEcho(socket: Socket): Promise<void> {
  const connection = framed(socket, frames);
  const sent = crypto.getRandomValues(new Uint8Array(64));
  await connection.send(sent);
  const received = await connection.receive({ timeoutMs: TIMEOUT_MS });
  expect(received?.join() === sent.join(), "the echo is not what was sent");
  connection.detach();
}

function portOf({ addr }: { addr: Server["addr"] }): number {
  return addr.transport === "tcp" ? addr.port : fail("not a TCP address");
}

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) fail(otherwise);
}

function fail(message: string): never {
  throw new Error(message);
}
