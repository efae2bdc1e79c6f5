import { assertEquals, assertGreater } from "@std/assert";
import { listFiles, ROOT } from "./_checkout.ts";
import { brokenImports, findCycle, type Import } from "./_import_rules.ts";

/** The part of `deno info --json` that is read here. */
interface Info {
  modules: Module[];
}

interface Module {
  specifier: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string };
    type?: { specifier?: string };
  }[];
}

/** Every import that a file of `lib/` writes down. */
async function readImports(): Promise<Import[]> {
  const files = (await listFiles()).filter((path) =>
    /^lib\/.*\.ts$/.test(path)
  );
  // A root that imports them all, so that one process sees every file.
  const root = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const urls = files.map((path) => new URL(path, ROOT).href);
    await Deno.writeTextFile(
      root,
      urls.map((url) => `import ${JSON.stringify(url)};\n`).join(""),
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-config", root],
    }).output();
    const info: Info = JSON.parse(new TextDecoder().decode(stdout));
    return info.modules
      .filter(({ specifier }) => urls.includes(specifier))
      .flatMap(importsOf);
  } finally {
    await Deno.remove(root);
  }
}

function importsOf({ specifier, dependencies = [] }: Module): Import[] {
  return dependencies.map(({ specifier: written, code, type }) => ({
    from: pathOf(specifier),
    to: pathOf(code?.specifier ?? type?.specifier ?? written),
  }));
}

function pathOf(specifier: string): string {
  return specifier.startsWith(ROOT.href)
    ? specifier.slice(ROOT.href.length)
    : specifier;
}

function edge(from: string, to: string): Import {
  return { from, to };
}

Deno.test("every import of lib/ follows the architecture", async () => {
  const imports = await readImports();
  assertGreater(imports.length, 10);
  assertEquals(brokenImports(imports), []);
});

Deno.test("no files of lib/ import each other in a circle", async () => {
  assertEquals(findCycle(await readImports()), undefined);
});

Deno.test("brokenImports() lets a layer use what lies below it", () => {
  const imports = [
    edge("lib/server/serve.ts", "lib/socket/socket.ts"),
    edge("lib/framed/framed.ts", "lib/codec/codec.ts"),
    edge("lib/socket/socket.ts", "lib/time/deadline.ts"),
    edge("lib/codec/lines.ts", "lib/codec/_line_decoder.ts"),
    edge("lib/errors.ts", "lib/addr.ts"),
    edge("lib/testing/memory_network.ts", "lib/server/serve.ts"),
  ];
  assertEquals(brokenImports(imports), []);
});

Deno.test("brokenImports() reports a layer that looks up or sideways", () => {
  const imports = [
    edge("lib/bytes/byte_queue.ts", "lib/socket/socket.ts"),
    edge("lib/codec/lines.ts", "lib/time/deadline.ts"),
    edge("lib/server/serve.ts", "lib/framed/framed.ts"),
    edge("lib/socket/socket.ts", "lib/testing/memory_pair.ts"),
  ];
  assertEquals(brokenImports(imports).length, imports.length);
  assertEquals(
    brokenImports(imports)[0],
    "lib/bytes/byte_queue.ts imports lib/socket/socket.ts: " +
      "bytes may import errors, addr, not socket",
  );
});

Deno.test("brokenImports() reports what comes from outside lib/", () => {
  const imports = [
    edge("lib/socket/socket.ts", "@std/streams"),
    edge("lib/socket/socket.ts", "node:net"),
    edge("lib/socket/socket.ts", "mod.ts"),
  ];
  assertEquals(brokenImports(imports).length, 3);
});

Deno.test("brokenImports() reports a private file used by another folder", () => {
  const imports = [
    edge("lib/socket/socket.ts", "lib/time/_timer.ts"),
    edge("lib/testing/memory_pair.ts", "lib/socket/_reader.ts"),
  ];
  assertEquals(brokenImports(imports).length, 2);
});

Deno.test("brokenImports() reports a folder without a place", () => {
  const imports = [edge("lib/helpers/all.ts", "lib/errors.ts")];
  assertEquals(brokenImports(imports), [
    "lib/helpers/all.ts imports lib/errors.ts: " +
    "helpers has no place in the architecture",
  ]);
});

Deno.test("findCycle() names the files of a circle", () => {
  const [a, b, c] = ["lib/a.ts", "lib/b.ts", "lib/c.ts"];
  assertEquals(findCycle([edge(a, b), edge(b, c), edge(c, b)]), [b, c, b]);
  assertEquals(findCycle([edge(a, b), edge(a, c), edge(b, c)]), undefined);
});
