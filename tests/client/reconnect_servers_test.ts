/**
 * Sessions over servers in processes of their own, which are killed and started again.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { reconnect } from "../../lib/client/reconnect.ts";
import { lines } from "../../lib/codec/lines.ts";
import { framed } from "../../lib/framed/framed.ts";
import { createAuthority } from "../_support/certificates.ts";
import { DenoProgram } from "../_support/deno_program.ts";

/** Answers each line with itself, and says on which port. */
const server = (port: number, tls: unknown) => `
import { framed, lines, serve } from "@sluice/net";
const server = serve({
  port: ${port},
  tls: ${JSON.stringify(tls)},
  onError: () => {},
}, async (socket) => {
  // Between two frames a drain ends it.
  for await (const line of framed(socket, lines())) {
    await socket.write(line + "\\n");
  }
});
console.log(server.addr.port);
Deno.addSignalListener("SIGTERM", () => server.shutdown());
`;

/** What has come so far, and a wait for more. */
class Collected<T> {
  readonly all: T[] = [];
  #more = Promise.withResolvers<void>();

  add(item: T): void {
    this.all.push(item);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  async until(count: number): Promise<void> {
    while (this.all.length < count) await this.#more.promise;
  }
}

for (const kind of ["TCP", "TLS"]) {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    Deno.test(
      `a session runs again after its server had a ${signal}, over ${kind}`,
      {
        timeout: 60_000,
        ignore: Deno.build.os === "windows",
      },
      async () => {
        const authority = await createAuthority();
        const pair = await authority.issue({ names: ["localhost"] });
        const bindTls = kind === "TLS"
          ? { cert: pair.cert, key: pair.key }
          : undefined;
        let program = await DenoProgram.start(server(0, bindTls));
        const port = Number(await program.nextLine());
        const answers = new Collected<string>();
        const losses = new Collected<unknown>();
        let isDone = false;
        await using link = reconnect({
          hostname: "localhost",
          port,
          tls: kind === "TLS" ? { caCerts: [authority.cert] } : false,
          retry: { minDelayMs: 10, maxDelayMs: 50 },
          onEvent: (event) => {
            if (event.type === "lost") losses.add(event.error);
          },
        }, async (socket, { session }) => {
          await socket.write(`session ${session}\n`);
          for await (const line of framed(socket, lines())) {
            answers.add(line);
            if (isDone) return "done";
          }
          return "lost";
        });
        await answers.until(1);
        for (let round = 1; round <= 2; round++) {
          program.signal(signal);
          await program.exitCode();
          await program[Symbol.asyncDispose]();
          await losses.until(round);
          isDone = round === 2;
          program = await DenoProgram.start(server(port, bindTls));
          await answers.until(round + 1);
        }
        assertEquals(await link.ended, { endedBy: "return", value: "done" });
        assertEquals(answers.all, ["session 1", "session 2", "session 3"]);
        for (const loss of losses.all) assert(loss instanceof Error);
        await program[Symbol.asyncDispose]();
      },
    );
  }
}
