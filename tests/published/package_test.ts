import {
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import exported from "../repository/exports.json" with { type: "json" };
import {
  type PackageFiles,
  readPackage,
  type Registry,
  serveRegistry,
} from "./_registry.ts";

/**
 * What an `import` may cost: files, and KB of source, that Deno fetches from JSR. Each is a
 * few hundredths above what it was when it was set; raise it where the new weight is worth
 * it to all users, and say so.
 *
 * When all is in its cache, Deno 2.9 still takes some 40 µs for a file, 8 for an `import`
 * statement, and 10 for a KB of source, comments included, as it reads that thrice: as it is,
 * without types, and in the source map. A file that is only imported later by `import()`
 * costs a third of that, one of which only types are imported nothing.
 */
const BUDGET: Record<string, { files: number; kilobytes: number }> = {
  ".": { files: 125, kilobytes: 840 },
  "./codec": { files: 66, kilobytes: 415 },
};

const ENTRIES = Object.keys(config.exports) as (keyof typeof exported)[];
const limits = { timeout: 120_000 };
const files = await readPackage();

/** An empty folder with an empty cache, whose `jsr:` is the registry. */
class NewFolder implements AsyncDisposable {
  private constructor(
    readonly path: string,
    readonly registry: Registry,
  ) {}

  static async make(published: PackageFiles = files): Promise<NewFolder> {
    return new NewFolder(
      await Deno.makeTempDir(),
      await serveRegistry(published),
    );
  }

  write(name: string, source: string): Promise<void> {
    return Deno.writeTextFile(`${this.path}/${name}`, source);
  }

  /** Runs `deno` there, and gives what it printed. */
  async deno(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#run(args);
    assertEquals(code, 0, `deno ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs `deno` there, which is to fail, and gives its errors. */
  async failingDeno(...args: string[]): Promise<string> {
    const { code, stderr } = await this.#run(args);
    assertNotEquals(code, 0, `deno ${args.join(" ")} did not fail`);
    return stderr;
  }

  async #run(args: string[]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [args[0], "--quiet", ...args.slice(1)],
      cwd: this.path,
      env: {
        DENO_DIR: `${this.path}/cache`,
        JSR_URL: this.registry.url,
        NO_COLOR: "1",
      },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.path, { recursive: true });
  }
}

/** How a program names an entry point. */
function specifier(entry: string): string {
  return `jsr:${config.name}@${config.version}${entry.slice(1)}`;
}

/** Prints what an entry point exports besides types, one name a line. */
function listing(entry: string): string {
  return `import * as entry from ${JSON.stringify(specifier(entry))};
    console.log(Object.keys(entry).sort().join("\\n"));`;
}

/** What {@linkcode listing} prints: what the checkout exports. */
async function valuesOf(entry: keyof typeof exported): Promise<string> {
  const file = new URL(
    config.exports[entry],
    new URL("../../", import.meta.url),
  );
  return Object.keys(await import(file.href)).sort().join("\n");
}

Deno.test(
  "published: every entry point is imported, checked and bundled in an empty folder",
  limits,
  async () => {
    await using folder = await NewFolder.make();
    for (const [index, entry] of ENTRIES.entries()) {
      await folder.write(`entry_${index}.ts`, listing(entry));
      // Permissions for nothing: importing does nothing.
      const values = await folder.deno("run", `entry_${index}.ts`);
      assertEquals(values.trim(), await valuesOf(entry), entry);
    }

    // Each name, types included, as a program that is checked names it.
    const imports = ENTRIES.flatMap((entry, index) => {
      const names = exported[entry].map((line) => line.split(" ")[1]);
      return [...new Set(names)].map((name) =>
        `export type { ${name} as ${name}${index} } from ${
          JSON.stringify(specifier(entry))
        };`
      );
    });
    assertGreater(imports.length, 100);
    await folder.write("types.ts", imports.join("\n"));
    await folder.write(
      "program.ts",
      `import { connect, framed, serve, type Socket } from "${specifier(".")}";
    import { type Codec, lines } from "${specifier("./codec")}";
    const codec: Codec<string> = lines();
    await using server = serve({ port: 0 }, async (socket: Socket) => {
      for await (const line of framed(socket, codec)) {
        await socket.write(\`you said \${line}\\n\`);
      }
    });
    const port: number = server.addr.port;
    await using socket = await connect({ port });
    await socket.write("hello\\n");
    console.log(await socket.readLine());`,
    );
    const programs = ENTRIES.map((_, index) => `entry_${index}.ts`);
    await folder.deno("check", "types.ts", "program.ts", ...programs);
    const net = "--allow-net=127.0.0.1";
    assertEquals(
      await folder.deno("run", net, "program.ts"),
      "you said hello\n",
    );

    // A bundle needs neither the registry nor the cache.
    await folder.deno("bundle", "--outdir=out", "program.ts", ...programs);
    await Deno.rename(`${folder.path}/cache`, `${folder.path}/old_cache`);
    assertEquals(
      await folder.deno("run", "--no-remote", net, "out/program.js"),
      "you said hello\n",
    );
    for (const [index, entry] of ENTRIES.entries()) {
      assertEquals(
        (await folder.deno("run", "--no-remote", `out/entry_${index}.js`))
          .trim(),
        await valuesOf(entry),
        entry,
      );
    }
    assertEquals(folder.registry.missing, []);
  },
);

Deno.test(
  "published: what needs no Deno has types without Deno's",
  limits,
  async () => {
    await using folder = await NewFolder.make();
    await folder.write(
      "deno.json",
      JSON.stringify({
        compilerOptions: {
          lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
          exactOptionalPropertyTypes: true,
        },
      }),
    );
    // Where a type is not found, it is `any`, and anything is assigned to it.
    await folder.write(
      "program.ts",
      `import type { Addr } from "${specifier("./codec")}";
    import { lines } from "${specifier("./codec")}";
    import { sleep, TimeoutError } from "${specifier("./timeout")}";
    export function handOn(signal?: AbortSignal, maxLineBytes?: number) {
      return sleep(1, { signal }).then(() => lines({ maxLineBytes }));
    }
    // @ts-expect-error it has no port
    export const addr: Addr = { transport: "tcp", hostname: "::1" };
    const error = new TimeoutError("wait", 1);
    // @ts-expect-error it may be that of a Unix socket
    export const port: number | undefined = error.remoteAddr?.port;
    // @ts-expect-error there is no Deno
    export type Version = typeof Deno.version;`,
    );
    await folder.deno("check", "program.ts");
  },
);

Deno.test("published: README.md's ways to install work", limits, async () => {
  const readme = new TextDecoder().decode(files.get("/README.md"));
  const start = readme.indexOf("// server.ts\n");
  const server = readme.slice(start, readme.indexOf("\n```", start));
  assertStringIncludes(server, 'from "@sluice/net"');

  await using folder = await NewFolder.make();
  const [, command] = /```sh\ndeno (add .+)\n```/.exec(readme)!;
  await folder.deno(...command.split(" "));
  const config = await Deno.readTextFile(`${folder.path}/deno.json`);
  await folder.write("server.ts", server);
  await folder.deno("check", "server.ts");

  // What README.md has one write by hand is what `deno add` wrote.
  const byHand = [...readme.matchAll(/```json\n([^`]+)```/g)]
    .map(([, json]) => JSON.parse(json)).find(({ links }) => !links);
  assertEquals(byHand, JSON.parse(config));

  await using bare = await NewFolder.make();
  const script = /^ *import .+ from "jsr:.+";$/m.exec(readme)![0];
  await bare.write("main.ts", `${script} console.log(typeof connect);`);
  assertEquals(await bare.deno("run", "main.ts"), "function\n");
});

for (const [entry, { files: most, kilobytes }] of Object.entries(BUDGET)) {
  Deno.test(
    `published: ${entry} costs no more than its budget`,
    limits,
    async () => {
      await using folder = await NewFolder.make();
      await folder.write("main.ts", `import "${specifier(entry)}";`);
      await folder.deno("run", "main.ts");
      const { served } = folder.registry;
      const bytes = served.reduce((sum, { bytes }) => sum + bytes, 0);
      const cost = `${served.length} files, ${Math.round(bytes / 1_000)} KB`;
      assertGreater(served.length, 0);
      assertLessOrEqual(served.length, most, cost);
      assertLessOrEqual(bytes, kilobytes * 1_000, cost);
    },
  );
}

Deno.test(
  "published: a file that the publish list lacks is noticed",
  limits,
  async () => {
    const without = new Map(files);
    assertEquals(without.delete("/lib/codec/lines.ts"), true);
    await using folder = await NewFolder.make(without);
    await folder.write("main.ts", listing("./codec"));
    assertStringIncludes(
      await folder.failingDeno("run", "main.ts"),
      "lib/codec/lines.ts",
    );
  },
);

Deno.test("published: the list has what a reader needs, and nothing of a developer", () => {
  const paths = [...files.keys()];
  for (
    const path of ["/README.md", "/LICENSE", "/CHANGELOG.md", "/deno.json"]
  ) {
    assertEquals(paths.includes(path), true, path);
  }
  const others = paths.filter((path) =>
    !/^\/(lib\/.+\.ts|mod\.ts|[A-Z]+(\.md)?|deno\.json)$/.test(path)
  );
  assertEquals(others, []);
});
