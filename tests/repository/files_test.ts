import { assertEquals, assertGreater } from "@std/assert";
import { shebangFlags } from "../../tools/_examples.ts";
import { listFiles, readText } from "./_checkout.ts";

// 400 is where to ask whether there are two concepts in a file. A class is not torn in
// two for a number, so the wall stands further back, and documentation does not count.
const MAX_LINES = 600;

/** Files that are text and that people wrote. */
const TEXT = /\.(ts|js|md|json|yml|c|h|py|sh|txt)$|^\.ci\/run$|^LICENSE$/;

/** Paths from the root that match, each with its text. */
async function readAll(
  pattern: RegExp,
): Promise<[path: string, text: string][]> {
  const files = (await listFiles()).filter((path) => pattern.test(path));
  assertGreater(files.length, 0, `no file matches ${pattern}`);
  return await Promise.all(
    files.map(async (path): Promise<[string, string]> => [
      path,
      await readText(path),
    ]),
  );
}

/** Lines that match, as `path:line: text`. */
function findLines(
  files: [path: string, text: string][],
  pattern: RegExp,
): string[] {
  return files.flatMap(([path, text]) =>
    text.split("\n").flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []
    )
  );
}

Deno.test("the top level holds what it should, and nothing that a tool left there", async () => {
  const names = (await listFiles()).map((path) => path.split("/")[0]);
  const known = [".ci", ".gitattributes", ".github", ".gitignore"].concat(
    ["CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"],
    ["README.zh.md", "SECURITY.md"],
    ["bench", "deno.json", "docs", "examples", "lib", "mod.ts", "tests"],
    ["tools"],
  );
  assertEquals([...new Set(names)].sort(), known);
});

/** How many lines are neither empty nor of a comment alone. */
function codeLines(text: string): number {
  return text.split("\n").filter((line) => !/^\s*($|\/\/|\/?\*)/.test(line))
    .length;
}

Deno.test("no file of lib/ has more than 600 lines of code", async () => {
  const long = (await readAll(/^lib\/.*\.ts$/))
    .map(([path, text]) => ({ path, lines: codeLines(text) }))
    .filter(({ lines }) => lines > MAX_LINES);
  assertEquals(long, []);
});

Deno.test("source files have snake_case names", async () => {
  const wrong = (await listFiles())
    .filter((path) => /^(lib|tests|tools|examples|bench)\/.*\.ts$/.test(path))
    .filter((path) => !/^[a-z0-9_/]+(\.d)?\.ts$/.test(path));
  assertEquals(wrong, []);
});

Deno.test("every example starts with a shebang of narrow permissions", async () => {
  // In folders only some files are programs: those that say so.
  const programs = (await readAll(/^examples\/.*\.ts$/)).filter(
    ([path, text]) =>
      /^examples\/[^_/][^/]*$/.test(path) || text.startsWith("#!"),
  );
  const wrong = programs.filter(([, text]) => {
    const flags = shebangFlags(text);
    return flags === undefined ||
      flags.some((flag) => /^(-A|--allow-all|--allow-net)$/.test(flag));
  });
  assertEquals(wrong.map(([path]) => path), []);
});

Deno.test("no file names a folder of a developer's machine", async () => {
  // In pieces, so that this file does not find itself.
  const homes = ["home", "Users", "root", "work"].join("|");
  const machine = new RegExp(
    `(?<![\\w.*)-])/(${homes})/[\\w.-]+|[A-Z]:\\\\Users`,
  );
  assertEquals(findLines(await readAll(TEXT), machine), []);
});

Deno.test("no file casts the address of a server or of a listener", async () => {
  // `serve({ port })` is a `Server<Deno.NetAddr>`, as `Deno.listen({ port })` has a
  // `NetAddr`: types follow the options, and a cast hides that they do not fit.
  const cast = /\baddr\)? as (unknown as )?(Deno\.)?(Net|Unix)Addr\b/;
  const files = await readAll(
    /^(README\.md$|CONTRIBUTING\.md$|(bench|docs|examples|lib|tests|tools)\/.*\.(ts|md)$)/,
  );
  assertEquals(findLines(files, cast), []);
});

Deno.test("no sentence hides its subject: the peer, the server, the caller", async () => {
  // In pieces, so that this file does not find itself.
  const words = ["who" + "ever", "no" + "body", "some" + "body"].join("|");
  const hidden = new RegExp(`\\b(${words})\\b`, "i");
  const files = await readAll(
    /^([A-Z]+\.md$|(bench|docs|examples|lib|tools)\/.*\.(ts|md)$)/,
  );
  assertEquals(findLines(files, hidden), []);
});

Deno.test("no file promises work for later", async () => {
  const promises = new RegExp(
    ["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("\\b|\\b"),
  );
  assertEquals(findLines(await readAll(/\.ts$/), promises), []);
});

Deno.test("codecs touch no Deno API, so that they run anywhere", async () => {
  const sources = (await readAll(/^lib\/(bytes|codec|errors)\b.*\.ts$/))
    .map(([path, text]): [string, string] => [path, withoutComments(text)]);
  assertEquals(findLines(sources, /\bDeno\s*\./), []);
});

Deno.test("Deno's errors are known to transports, real and simulated", async () => {
  const sources = (await readAll(
    /^lib\/(?!transport\/|adapters\/|permissions\/|testing\/).*\.ts$/,
  ))
    .map(([path, text]): [string, string] => [path, withoutComments(text)]);
  assertEquals(findLines(sources, /\bDeno\s*\.\s*errors\b/), []);
});

/** The same number of lines, the comments of block and line style left out. */
function withoutComments(source: string): string {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\//g, (text) => text.replaceAll(/[^\n]/g, ""))
    .replaceAll(/^\s*\/\/.*$/gm, "");
}
