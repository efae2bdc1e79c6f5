#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An echo of length-prefixed frames on Sluice, for load generators to drive.
 * Usage: `framed_echo.ts PORT [iterate|batches] [idle|limits|telemetry]`; with `idle` the
 * limit of silence is armed, with `limits` every time limit; with `telemetry`
 * OpenTelemetry is told.
 *
 * @module
 */

import {
  framed,
  lengthPrefixed,
  serve,
  type ServerOptions,
} from "../../mod.ts";

const IDLE: ServerOptions = { idleMs: 120_000 };
const VARIANTS: Record<string, ServerOptions> = {
  none: {},
  idle: IDLE,
  limits: { ...IDLE, readMs: 60_000, writeMs: 60_000 },
  telemetry: { telemetry: true },
};

const port = Number(Deno.args[0]);
const mode = Deno.args[1] ?? "iterate";
const options = VARIANTS[Deno.args[2] ?? "none"];
if (
  !Number.isInteger(port) || !["iterate", "batches"].includes(mode) ||
  options === undefined
) {
  console.error(
    "usage: framed_echo.ts PORT [iterate|batches] [idle|limits|telemetry]",
  );
  Deno.exit(2);
}

const codec = lengthPrefixed({ maxFrameBytes: 16 * 1024 * 1024 });

const server = serve(
  { port, maxConnections: 20_000, ...options },
  async (socket) => {
    // Each frame is sent before the next is asked for: it need only be lent.
    const connection = framed(socket, codec, { lendFrames: true });
    if (mode === "iterate") {
      for await (const frame of connection) await connection.send(frame);
    } else {
      for await (const frames of connection.batches()) {
        await connection.sendAll(frames);
      }
    }
  },
);
console.log(`listening on ${server.addr.port}`);
