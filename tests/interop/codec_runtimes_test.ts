/** The codecs in other runtimes: Node, Bun and a browser. */
import { assert, assertEquals } from "@std/assert";
import { bundle } from "../_support/bundle.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { lacksBrowser, openBrowser } from "../_support/browser.ts";
import type { SuiteReport } from "./_codec_suite.ts";

const ENTRY = JSON.stringify("./tests/interop/_codec_suite.ts");

function suite(): string {
  const { code } = bundle(`import ${ENTRY};`, "iife");
  return new TextDecoder().decode(code);
}

function checkReport({ checked, streamed, failures }: SuiteReport): void {
  assertEquals(failures, []);
  assert(checked > 30 && streamed > 150, `${checked} codecs`);
}

/** Runs the suite with a command that takes a file. */
async function runWith(name: string, args: string[]): Promise<SuiteReport> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    await Deno.writeTextFile(path, suite());
    const { success, stdout, stderr } = await new Deno.Command(program(name), {
      args: [...args, path],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    assert(success, text.decode(stderr));
    return JSON.parse(text.decode(stdout));
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("every codec works in the Node that is installed", {
  ignore: lacksPrograms("node"),
  timeout: 120_000,
}, async () => {
  checkReport(await runWith("node", []));
});

for (const runtime of ["node@22.23.3", "bun@1.4.5"]) {
  Deno.test(`every codec works in ${runtime}, which npm brings`, {
    ignore: lacksPrograms("npx"),
    // A fresh machine has to fetch it first.
    timeout: 300_000,
  }, async () => {
    checkReport(await runWith("npx", ["-y", runtime]));
  });
}

Deno.test("every codec works in a browser", {
  ignore: lacksBrowser(),
  timeout: 120_000,
}, async () => {
  await using browser = await openBrowser();
  const { page, complaints } = browser;
  page.setDefaultTimeout(100_000);
  const code = suite();
  const report = await page.evaluate(
    `(async () => { ${code}; return await globalThis.codecSuite; })()`,
  );
  checkReport(report as SuiteReport);
  assertEquals(complaints, []);
});
