#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Loads a server on 127.0.0.1 and checks every byte that comes back. Benches start
 * several of these; `spec.ts` says how they talk.
 *
 * ```sh
 * generator.ts '{"kind":"echo","port":8888,"connections":50,"depth":16,"payloadBytes":64}'
 * ```
 *
 * @module
 */

import { prepareBulk, prepareStall } from "./_bulk.ts";
import { prepareChurn, prepareEcho, prepareHold } from "./_echo.ts";
import { prepareFanOut } from "./_fan_out.ts";
import type { Load } from "./_load.ts";
import type { LoadSpec, LoadWindow } from "./spec.ts";

function prepare(spec: LoadSpec): Load | Promise<Load> {
  switch (spec.kind) {
    case "echo":
      return prepareEcho(spec);
    case "bulk":
      return prepareBulk(spec);
    case "churn":
      return prepareChurn(spec);
    case "hold":
      return prepareHold(spec);
    case "fan-out":
      return prepareFanOut(spec);
    case "stall":
      return prepareStall(spec);
  }
}

try {
  const load = await prepare(JSON.parse(Deno.args[0]));
  console.log("ready");
  const input = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .getReader();
  const { value, done } = await input.read();
  if (!done) {
    const window: LoadWindow = JSON.parse(value);
    console.log(JSON.stringify(await load(window)));
    // The program that started this may want to look at the server as it is now.
    await input.read();
  }
  Deno.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
