import { assert, assertEquals } from "@std/assert";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { start } from "../_support/run_program.ts";

const PROGRAM = new URL("./_few_descriptors.ts", import.meta.url).pathname;
const CLIENTS = 200;

Deno.test(
  "serve() survives running out of descriptors, and serves every client",
  {
    timeout: 40_000,
    // Only there can a hard limit be set, which Deno does not raise again.
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using server = start("sh", [
      "-c",
      `ulimit -n 64 && exec "$0" run --no-config --no-lock --allow-net=127.0.0.1 "$1"`,
      Deno.execPath(),
      PROGRAM,
    ]);
    const port = Number(await server.line());
    // All of them are connected before one of them speaks, and so gives way.
    const clients: Socket[] = [];
    for (let number = 0; number < CLIENTS; number++) {
      clients.push(await connect({ port, timeoutMs: 20_000 }));
    }
    const answers = await Promise.all(clients.map(async (client, number) => {
      await client.write(`${number}\n`);
      const answer = await client.readLine({ timeoutMs: 20_000 });
      await client.close();
      return answer;
    }));
    assertEquals(answers, answers.map((_, number) => `you said ${number}`));
    await using last = await connect({ port });
    await last.write("again\n");
    assertEquals(await last.readLine(), "you said again");
    await last.close();
    const { code, stdout } = await server.finish();
    assertEquals(code, 0);
    const { shortages, accepted } = JSON.parse(stdout);
    assertEquals(accepted, CLIENTS + 1);
    assert(shortages > 0, "the process never ran out of descriptors");
  },
);
