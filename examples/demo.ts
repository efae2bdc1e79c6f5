#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=.
/**
 * Sluice at work: five clients carry every file of this checkout through an echo
 * server and back; then everything that usually goes wrong is done to that server on
 * purpose. Ends with a table, and with exit code 0 only if every check held.
 *
 * ```sh
 * deno task demo
 * ```
 *
 * @module
 */

import {
  framed,
  lengthPrefixed,
  serve,
  type ServerEvent,
  withTimeout,
} from "@sluice/net";
import { complain } from "./_log.ts";
import { print } from "./_output.ts";
import { checkoutFiles } from "./demo/checkout_files.ts";
import {
  drain,
  type EventSource,
  halfClose,
  oversizeFrame,
  resetInBacklog,
  timedRead,
} from "./demo/hard_cases.ts";
import { megabytes, Progress, table } from "./demo/screen.ts";
import { transfer } from "./demo/transfer.ts";

const HELP = `
Carries files through an echo server and back, then breaks things on purpose. Five clients
carry every file of the current folder; then everything that usually goes wrong is done to
their server. Takes a few seconds.

Usage: deno task demo

  --help  shows this text

Examples:
  deno task demo

Exit code: 0 if every check held, 1 if not, 2 for an argument that it does not know.
`;

// Not by @std/cli, as the other examples do: this one needs no package at all.
if (Deno.args.length > 0) {
  const isHelp = Deno.args[0] === "--help" || Deno.args[0] === "-h";
  if (isHelp) print(HELP.trim());
  else {
    complain(
      `Cannot run: each flag must be --help, got ${
        Deno.args[0]
      } (--help explains them)`,
    );
  }
  Deno.exit(isHelp ? 0 : 2);
}

const CLIENTS = 5;
/** Nothing here may take this long, whatever the machine does beside it. */
const CHECK_TIMEOUT_MS = 30_000;

const listeners = new Set<(event: ServerEvent) => void>();
const events: EventSource = (listener) => {
  listeners.add(listener);
  return { [Symbol.dispose]: () => listeners.delete(listener) };
};

// The whole server: it sends every frame back.
const server = serve({
  port: 0,
  onEvent: (event) => listeners.forEach((listener) => listener(event)),
  onError: () => {}, // The bad clients below are expected; `events` counts them.
}, async (socket) => {
  const connection = framed(socket, lengthPrefixed());
  for await (const frame of connection) await connection.send(frame);
});
const { port } = server.addr;

const rows = [["check", "result", "what was seen"]];
let held = true;

async function check(title: string, task: () => Promise<string>) {
  print(title);
  try {
    const seen = await withTimeout(CHECK_TIMEOUT_MS, task);
    print(`  ${seen}\n`);
    rows.push([title, "held", seen]);
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    complain(`  FAILED: ${seen}\n`);
    rows.push([title, "FAILED", seen]);
    held = false;
  }
}

async function carryFiles(): Promise<string> {
  const files = await checkoutFiles(".");
  const size = files.reduce((total, file) => total + file.size, 0);
  print(
    `  ${files.length} files, ${
      megabytes(size)
    }, from each of ${CLIENTS} clients`,
  );
  using progress = new Progress(CLIENTS * size);
  const report = await transfer(".", files, {
    port,
    clients: CLIENTS,
    onBytes: (bytes) => progress.add(bytes),
  });
  if (report.damaged.length > 0) {
    throw new Error(`other bytes came back of ${report.damaged.join(", ")}`);
  }
  const rate = megabytes(report.bytes / report.seconds);
  return `${report.files} of ${CLIENTS * files.length} with their SHA-256, ` +
    `${rate}/s each way`;
}

print(
  `Sluice on Deno ${Deno.version.deno}, ${Deno.build.os}: ` +
    `an echo of frames on 127.0.0.1:${port}\n`,
);
await check("five clients, every file", carryFiles);
await check("a read that times out", timedRead);
await check(
  "a reset in the backlog",
  () => resetInBacklog(server, events),
);
await check(
  "an oversize frame",
  () => oversizeFrame(server, events),
);
await check("half-close", halfClose);
await check("a graceful drain", () => drain(server));

print(table(rows));
print(held ? "\nevery check held" : "\nnot every check held");
Deno.exit(held ? 0 : 1);
