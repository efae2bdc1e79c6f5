/**
 * Servers that are replaced under load, counted by their clients.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import { connect } from "../../lib/socket/connect.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { type Running, start } from "../_support/run_program.ts";

const REPLACEMENTS = 10;
/** Connections at any time, and how many each makes between two replacements. */
const AT_ONCE = 8;
const BETWEEN = 25;

const pathOf = (file: string) => new URL(file, import.meta.url).pathname;

/** What became of the connections. */
interface Tally {
  served: number;
  lost: string[];
}

/** Says a line on a connection of its own, hears it again, and ends. */
async function useOnce(port: number, tally: Tally): Promise<void> {
  try {
    await using client = await connect({ port, timeoutMs: 20_000 });
    await client.write("hello\n");
    assertEquals(await client.readLine({ timeoutMs: 20_000 }), "hello");
    tally.served++;
  } catch (error) {
    tally.lost.push(String(error));
  }
}

/** Replaces the server again and again while clients come and go, and counts. */
async function replace(
  how: "descriptor" | "restart" | "reuse-port",
  flags: string[],
): Promise<Tally> {
  const deno = [Deno.execPath(), "run", "--quiet", "--no-lock", ...flags];
  const launcher = [pathOf("./replace_server.py"), how, ...deno];
  await using servers: Running = start("python3", [
    ...launcher,
    pathOf("./_replaced_server.ts"),
  ]);
  const port = Number(await servers.line());
  const tally: Tally = { served: 0, lost: [] };
  for (let i = 0; i < REPLACEMENTS; i++) {
    await servers.write("replace\n");
    let replaced = false;
    const exitCode = servers.line().finally(() => replaced = true);
    const clients = Array.from({ length: AT_ONCE }, async () => {
      for (let n = 0; n < BETWEEN || !replaced; n++) {
        await useOnce(port, tally);
      }
    });
    await Promise.all(clients);
    assertEquals(await exitCode, "0");
  }
  // The last one is up.
  const before = tally.served;
  await useOnce(port, tally);
  assertEquals(tally.served, before + 1);
  await servers.finish();
  return tally;
}

for (const how of ["descriptor", "restart"] as const) {
  const name = how === "restart" ? "restarts" : "replacements";
  Deno.test(`ten ${name} on one descriptor lose no connection`, {
    timeout: 120_000,
    ignore: lacksPrograms("python3"),
  }, async () => {
    const variables = "LISTEN_FDS,LISTEN_PID,LISTEN_FDNAMES";
    const flags = [`--allow-env=${variables}`];
    const { served, lost } = await replace(how, flags);
    assertEquals(lost, []);
    assertGreater(served, REPLACEMENTS * AT_ONCE * BETWEEN);
  });
}

Deno.test("ten replacements with reusePort leave the server up", {
  timeout: 120_000,
  ignore: lacksPrograms("python3") || Deno.build.os !== "linux",
}, async () => {
  // What waits in the backlog of the old one is lost: see docs/production.md for how many.
  const { served, lost } = await replace("reuse-port", [
    "--allow-net=127.0.0.1",
    "--unstable-net",
  ]);
  assertGreater(served, lost.length);
});
