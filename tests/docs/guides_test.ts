import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { connect } from "@sluice/net";
import config from "../../deno.json" with { type: "json" };
import exported from "../repository/exports.json" with { type: "json" };
import { OPTIONS_PAGE, optionsPage } from "../../tools/_options.ts";
import { DenoProgram } from "../_support/deno_program.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { listFiles, readText } from "../repository/_checkout.ts";
import { codeBlocks } from "./_code_blocks.ts";

/** Cells of the tables of a page, or of one section of it, head and rule left out. */
function rows(page: string, section?: string): string[][] {
  const start = section === undefined ? 0 : page.indexOf(`\n## ${section}\n`);
  assertGreater(start, -1, section);
  const next = section === undefined ? -1 : page.indexOf("\n## ", start + 1);
  const text = page.slice(start, next < 0 ? undefined : next);
  return [...text.matchAll(/(?<=^\| *-.*\|\n)(?:\|.*\n)+/gm)]
    .flatMap(([table]) => table.trimEnd().split("\n"))
    .map((row) => row.slice(1, -1).split("|").map((cell) => cell.trim()));
}

/** The words in backticks. */
function names(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

/** The literals of a type in `lib/error_codes.ts`. */
function literalsOf(source: string, type: string): string[] {
  const [, text] = new RegExp(`export type ${type} =(.*?);\n\n`, "s").exec(
    `${source}\n`,
  )!;
  return [...text.matchAll(/^ *\| "([^"]+)"/gm)].map(([, literal]) => literal);
}

Deno.test("docs/errors.md has every code and every reason, and no other", async () => {
  const page = await readText("docs/errors.md");
  const source = await readText("lib/error_codes.ts");
  const first = (section: string) =>
    rows(page, section).map(([cell]) => names(cell)[0]);
  for (
    const [section, type] of [
      ["The classes", "SocketErrorCode"],
      ["`BrokenError.reason`", "BrokenReason"],
      ["`TlsError.reason`", "TlsReason"],
      ["`ProxyError.reason`", "ProxyReason"],
    ]
  ) {
    assertEquals(first(section), literalsOf(source, type), type);
  }
});

Deno.test("docs/errors.md has the class of every code, and the fields that it names", async () => {
  const page = await readText("docs/errors.md");
  const source = await readText("lib/errors.ts");
  const classes = [...source.matchAll(/^export class (\w+) [^]*?^}$/gm)];
  assertGreater(classes.length, 10);
  const documented = rows(page, "The classes");
  for (const [text, name] of classes) {
    const [, code] = /readonly code: "([^"]+)"/.exec(text)!;
    const row = documented.find(([cell]) => names(cell)[0] === code);
    assertEquals(names(row?.[1] ?? ""), [name]);
    const base = /abstract class SocketError [^]*?^}$/m.exec(source)![0];
    // "`received` of `expected`": what happened is said with the fields that have it.
    for (const field of names(row![2]).filter((name) => /^[a-z]/.test(name))) {
      assertMatch(text + base, new RegExp(`readonly ${field}\\??:`), name);
    }
  }
  assertEquals(documented.length, classes.length);
});

Deno.test("docs/limits.md names options that exist, and all limits of servers", async () => {
  const page = await readText("docs/limits.md");
  const options = await readText("docs/options.md");
  const all = new Set(
    [...options.matchAll(/^- \*\*`(\w+)`\*\*/gm)].map(([, name]) => name),
  );
  for (const line of Object.values(exported).flat()) {
    all.add(line.split(" ")[1]); // `retryBudget` is a function.
  }
  const table = rows(page);
  assertGreater(table.length, 20);
  const named = table.flatMap(([, cell]) => names(cell));
  const unknown = named.flatMap((name) => name.split("."))
    .filter((name) => !all.has(name));
  assertEquals(unknown, []);

  const missing = ["SocketOptions", "SocketTimeouts", "AdmissionOptions"]
    .concat("ServerOptions", "HandshakeOptions")
    .flatMap((type) => {
      const start = options.indexOf(`\n### \`${type}\`\n`);
      assertGreater(start, 0, type);
      const section = options.slice(
        start + 1,
        options.indexOf("\n### ", start + 2),
      );
      return [...section.matchAll(/^- \*\*`(\w+)`\*\*/gm)].map(([, name]) =>
        name
      );
    })
    .filter((name) => /^(max|min)|Ms$/.test(name))
    .filter((name) => !/(Window|Grace)Ms$/.test(name) && !named.includes(name));
  assertEquals(missing, [], "docs/limits.md does not say what they end");
});

Deno.test("docs/options.md is what the types say now", async () => {
  const page = await Deno.readTextFile(OPTIONS_PAGE);
  assert(page === await optionsPage(), "Run: deno task options:update");
  const types = Object.values(exported).flat()
    .map((line) => line.split(" ")[1])
    .filter((name) => name.endsWith("Options"));
  assertGreater(types.length, 40);
  for (const type of types) assertStringIncludes(page, `\n### \`${type}\`\n`);
});

Deno.test("docs/shutdown.md: its server ends at Ctrl-C as it says", {
  timeout: 30_000,
  ignore: Deno.build.os === "windows",
}, async () => {
  const [source] = codeBlocks(await readText("docs/shutdown.md"))
    .filter(({ text }) => text.startsWith("// server.ts\n"));
  await using server = await DenoProgram.start(
    source.text.replace("8888", "0"),
    { allowNet: "127.0.0.1:0" },
  );
  const [, port] = /^listening on 127\.0\.0\.1:(\d+)$/
    .exec(await server.nextLine())!;
  const client = await connect({ port: Number(port) });
  await client.write("hello\n");
  assertEquals(await client.readLine(), "got hello");
  server.interrupt();
  assertEquals(await client.readLine(), null);
  await client.close();
  assertEquals(await server.nextLine(), "waiting for what is under way");
  assertEquals(await server.nextLine(), "done");
  assertEquals(await server.ended(), { code: 0, errors: "" });
});

Deno.test("docs/from-python.md: its programs in Python run", {
  timeout: 60_000,
  ignore: lacksPrograms("python3"),
}, async () => {
  const programs = codeBlocks(await readText("docs/from-python.md"))
    .filter(({ language }) => language === "python");
  const printed = await Promise.all(programs.map(async ({ text }) => {
    const { stdout, stderr } = await new Deno.Command(program("python3"), {
      args: ["-c", text],
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout).trim() + decoder.decode(stderr);
  }));
  assertEquals(printed, ["you said hello", "1 b'HELLO'", "HELLO"]);
});

Deno.test("every guide whose code runs is among the tests", async () => {
  const guides = (await listFiles()).filter((path) =>
    /^docs\/[^/]+\.md$/.test(path)
  );
  assertGreater(guides.length, 10);
  const left: string[] = [];
  for (const path of guides) {
    const blocks = codeBlocks(await readText(path));
    const runs = blocks.some(({ language }) => language === "ts");
    if (runs && !config.test.include.includes(path)) left.push(path);
  }
  assertEquals(left, []);
});

Deno.test("README.md names every entry point", async () => {
  const readme = await readText("README.md");
  const entries = Object.keys(config.exports)
    .map((entry) => `\`${config.name}${entry.slice(1)}\``);
  assertEquals(entries.filter((entry) => !readme.includes(`| ${entry} `)), []);
});

Deno.test("every link of a guide leads to a file, and to a heading of it", async () => {
  const files = await listFiles();
  const broken: string[] = [];
  for (const path of files.filter((path) => /^docs\/[^/]+\.md$/.test(path))) {
    const page = (await readText(path)).replaceAll(/^( *)```.*?^\1```$/gms, "");
    for (const [, link] of page.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file, anchor] = link.split("#");
      const target = file === ""
        ? path
        : new URL(file, `file:///${path}`).pathname.slice(1);
      const found = files.includes(target) ||
        files.some((each) => each.startsWith(`${target.replace(/\/$/, "")}/`));
      const heading = found && anchor !== undefined &&
        !slugs(await readText(target)).includes(anchor);
      if (!found || heading) broken.push(`${path}: ${link}`);
    }
  }
  assertEquals(broken, []);
});

/** The anchors of a page's headings, as GitHub makes them. */
function slugs(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  );
}
