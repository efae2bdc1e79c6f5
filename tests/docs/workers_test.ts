import { assertEquals } from "@std/assert";
import { connect } from "@sluice/net";
import config from "../../deno.json" with { type: "json" };
import { DenoProgram } from "../_support/deno_program.ts";
import { readText, ROOT } from "../repository/_checkout.ts";
import { codeBlocks } from "./_code_blocks.ts";

/** What shows a supervisor and its worker, two programs that run together alone. */
const SOURCES = [
  "docs/workers.md",
  "docs/scaling.md",
  "lib/workers/mod.ts",
  "lib/workers/supervise.ts",
];

/** The programs of a page or of doc comments: each begins with a line of its name. */
function programsOf(source: string): Record<string, string> {
  const programs = codeBlocks(source.replaceAll(/^ \* ?/gm, ""))
    .filter(({ language }) => /^ts\b/.test(language))
    .flatMap(({ text }) => text.split(/^(?=\/\/ \w+\.ts\n)/m))
    .flatMap((text) => {
      const name = /^\/\/ (\w+\.ts)\n/.exec(text)?.[1];
      return name === undefined ? [] : [[name, text]];
    });
  return Object.fromEntries(programs);
}

/** A port that is free now. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test(
  "the supervisors of the guides and the reference serve, and drain at Ctrl-C",
  {
    timeout: 90_000,
    ignore: Deno.build.os === "windows",
  },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const imports = Object.entries(config.exports).map(([entry, file]) => [
        config.name + entry.slice(1),
        new URL(file, ROOT).href,
      ]);
      await Deno.writeTextFile(
        `${folder}/deno.json`,
        JSON.stringify({ imports: Object.fromEntries(imports) }),
      );
      await Promise.all(SOURCES.map(async (source, i) => {
        const port = freePort();
        const text = (await readText(source))
          .replaceAll("8888", String(port))
          .replace("workers: 4", "workers: 2"); // Each of them takes a while to start.
        const { "main.ts": main, "worker.ts": worker, ...others } = programsOf(
          text,
        );
        assertEquals(others, {}, source);
        const cwd = `${folder}/${i}`;
        await Deno.mkdir(cwd);
        await Deno.writeTextFile(`${cwd}/worker.ts`, worker);
        await using program = await DenoProgram.start(main, {
          allowNet: `127.0.0.1:${port}`,
          allowRun: Deno.execPath(),
          allowEnv: true,
          cwd,
        });
        while (await program.nextLine() !== `listening on port ${port}`);
        const client = await connect({ port });
        await client.write("hello\n");
        // An echo, or a hub that has one member.
        assertEquals(await client.readLine(), "hello", source);
        program.interrupt();
        await client.close();
        assertEquals(await program.ended(), { code: 0, errors: "" }, source);
      }));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
