import { assertEquals } from "@std/assert";
import { connect } from "@sluice/net";
import { DenoProgram } from "../_support/deno_program.ts";

const SERVER = `
  import { serve } from "@sluice/net";
  const server = serve(
    {
      port: 0,
      drainOnSignals: true,
      shutdownTimeoutMs: 60_000,
      onEvent: ({ type }) => type === "drain" && console.log("draining"),
    },
    async (socket, { signal }) => {
      const stubborn = await socket.readLine() === "stubborn";
      await socket.write("hello\\n");
      if (stubborn) await socket.readLine();
      await new Promise((done) => signal.addEventListener("abort", done));
      await socket.write("bye\\n");
    },
  );
  console.log(server.addr.port);
  await server.closed;
  console.log(JSON.stringify(await server.shutdown()));
`;

const OPTIONS = { ignore: Deno.build.os === "windows", timeout: 20_000 };

Deno.test(
  "drainOnSignals drains at SIGTERM, and the process ends by itself",
  OPTIONS,
  async () => {
    await using program = await DenoProgram.start(SERVER);
    const client = await connect({ port: Number(await program.nextLine()) });
    await client.write("polite\n");
    assertEquals(await client.readLine(), "hello");
    program.signal("SIGTERM");
    assertEquals(await program.nextLine(), "draining");
    assertEquals(await client.readLine(), "bye");
    await client.close();
    const report = JSON.parse(await program.nextLine());
    assertEquals(report, { completed: 1, aborted: 0, handshakes: 0 });
    assertEquals(await program.exitCode(), 0);
  },
);

Deno.test(
  "drainOnSignals cuts what is left at a second signal",
  OPTIONS,
  async () => {
    await using program = await DenoProgram.start(SERVER);
    const client = await connect({ port: Number(await program.nextLine()) });
    await client.write("stubborn\n");
    assertEquals(await client.readLine(), "hello");
    program.signal("SIGINT");
    assertEquals(await program.nextLine(), "draining");
    program.signal("SIGINT");
    const report = JSON.parse(await program.nextLine());
    assertEquals(report, { completed: 0, aborted: 1, handshakes: 0 });
    assertEquals(await program.exitCode(), 0);
    client.abort();
  },
);
