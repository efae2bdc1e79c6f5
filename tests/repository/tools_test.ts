import { assertEquals, assertRejects } from "@std/assert";
import {
  exampleArguments,
  exampleNames,
  shebangFlags,
} from "../../tools/_examples.ts";
import { findStdSource, importMapFlags } from "../../tools/_std.ts";
import { pathToFileURL } from "node:url";
import { holdsOther } from "../../tools/site/main.ts";
import { formatTally, tallyTests } from "../../tools/_tally.ts";

Deno.test("findStdSource() does as it is told", async () => {
  assertEquals(await findStdSource("jsr"), "jsr");
  assertEquals(await findStdSource("npm"), "npm");
});

Deno.test("findStdSource() refuses a source it does not know", async () => {
  await assertRejects(
    () => findStdSource("ftp"),
    RangeError,
    "SLUICE_STD must be jsr or npm, got ftp",
  );
});

Deno.test("importMapFlags() names a map that exists, for npm alone", async () => {
  assertEquals(importMapFlags("jsr"), []);
  const [flag] = importMapFlags("npm");
  const file = flag.replace("--import-map=", "");
  assertEquals((await Deno.stat(file)).isFile, true);
});

Deno.test("tallyTests() reads the counts of a good run", () => {
  const output =
    "a ... ok (1ms)\n\nok | 12 passed (3 steps) | 0 failed (9ms)\n";
  assertEquals(tallyTests(output, 0), { passed: 12, failed: 0 });
});

Deno.test("tallyTests() reads the counts of a colored, failed run", () => {
  const output = "\x1b[31mFAILED\x1b[0m | 1 passed | 5 failed | 1 ignored " +
    "\x1b[38;5;245m(4ms)\x1b[0m\n";
  assertEquals(tallyTests(output, 1), { passed: 1, failed: 5 });
});

Deno.test("tallyTests() takes the last summary, the run's own", () => {
  const output = "FAILED | 0 passed | 1 failed (1ms)\n" +
    "ok | 2 passed | 0 failed (4ms)\n";
  assertEquals(tallyTests(output, 0), { passed: 2, failed: 0 });
});

Deno.test("tallyTests() counts a run without a summary as a failure", () => {
  assertEquals(tallyTests("error: Type checking failed.\n", 1), {
    passed: 0,
    failed: 1,
  });
});

Deno.test("tallyTests() counts a failure that the summary does not", () => {
  const output = "ok | 2 passed | 0 failed (4ms)\n";
  assertEquals(tallyTests(output, 1), { passed: 2, failed: 1 });
});

Deno.test("formatTally() writes the line that CI reads", () => {
  assertEquals(formatTally({ passed: 12, failed: 3 }), "12 passed, 3 failed");
});

Deno.test("exampleNames() finds programs, in folders too, and no modules", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const program = "#!/usr/bin/env -S deno run\n";
    await Deno.mkdir(`${folder}/chat/web`, { recursive: true });
    await Deno.writeTextFile(`${folder}/echo.ts`, program);
    await Deno.writeTextFile(`${folder}/_flags.ts`, "export {};\n");
    await Deno.writeTextFile(`${folder}/chat/server.ts`, program);
    await Deno.writeTextFile(`${folder}/chat/room.ts`, "export {};\n");
    await Deno.writeTextFile(`${folder}/chat/web/page.js`, program);
    assertEquals(await exampleNames(pathToFileURL(`${folder}/`)), [
      "chat/server",
      "echo",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("shebangFlags() gives the permissions of an example", () => {
  const line =
    "#!/usr/bin/env -S deno run --allow-net=127.0.0.1:8888 --allow-read=.";
  assertEquals(shebangFlags(`${line}\nawait 0;\n`), [
    "--allow-net=127.0.0.1:8888",
    "--allow-read=.",
  ]);
  assertEquals(shebangFlags("#!/usr/bin/env -S deno run\n"), []);
});

Deno.test("exampleArguments() puts --allow-all in the place of all permissions", async () => {
  const own = await exampleArguments("chat/client", ["--allow-read=a"]);
  assertEquals(own.slice(1, 3), ["--allow-net=127.0.0.1", "--allow-read=a"]);
  const all = await exampleArguments("chat/client", ["--allow-all"]);
  assertEquals(all.filter((arg) => arg.startsWith("--allow")), ["--allow-all"]);
});

Deno.test("exampleArguments() lets a whole permission stand for its parts", async () => {
  const args = await exampleArguments("dns/server", ["--allow-net"]);
  assertEquals(args.filter((arg) => arg.startsWith("--allow")), [
    "--allow-read=zone.txt",
    "--allow-net",
  ]);
});

Deno.test("shebangFlags() gives nothing for another first line", () => {
  assertEquals(
    shebangFlags("import 'x';\n#!/usr/bin/env -S deno run\n"),
    undefined,
  );
  assertEquals(shebangFlags("#!/usr/bin/env node\n"), undefined);
});

Deno.test("holdsOther() lets the site take the place of a site alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assertEquals(await holdsOther(`${folder}/new`), false);
    assertEquals(await holdsOther(folder), false);
    await Deno.writeTextFile(`${folder}/notes.txt`, "");
    assertEquals(await holdsOther(folder), true);
    assertEquals(await holdsOther(`${folder}/notes.txt`), true);
    await Deno.writeTextFile(`${folder}/hashmap.json`, "{}");
    assertEquals(await holdsOther(folder), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the tool of the tutorial writes nothing where it does not know a chapter", async () => {
  const tool = new URL("../../tools/tutorial/main.ts", import.meta.url);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--allow-read",
      tool.href,
      "--help",
    ],
  }).output();
  assertEquals(
    [code, new TextDecoder().decode(stderr)],
    [
      2,
      "Cannot write the tutorial: each argument must be how a chapter begins, such as 03, got --help\n",
    ],
  );
});
