import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { exampleNames } from "../../tools/_examples.ts";
import { Example, runExample } from "../examples/_example.ts";
import { listFiles, readText } from "../repository/_checkout.ts";
import { codeBlocks } from "./_code_blocks.ts";

const names = await exampleNames();

Deno.test("every example has its page: what it shows, how to run it, what it holds against, how it looks", async () => {
  const wrong: string[] = [];
  for (const name of names.filter((name) => name.includes("/"))) {
    const page = await readText(`examples/${name.split("/")[0]}/README.md`);
    const says = {
      "what it shows": /^# .+\n\n[A-Z].+/,
      "how to run it": new RegExp(`deno task examples (--\\S+ )*${name}\\b`),
      "what it holds against": /^## What it holds against$/m,
      "what it does not hold against": /^### What it does not hold against$/m,
      "how it looks": /^```(console|text)$|^!\[/m,
    };
    for (const [what, pattern] of Object.entries(says)) {
      if (!pattern.test(page)) wrong.push(`${name}: ${what}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("examples/README.md lists every example, and shows those of one file", async () => {
  const page = await readText("examples/README.md");
  const folders = (await listFiles())
    .flatMap((path) => /^examples\/([^/]+)\/README\.md$/.exec(path)?.[1] ?? []);
  assertGreater(folders.length, 5);
  for (const folder of folders) {
    assertMatch(page, new RegExp(`^\\| \\[.+\\]\\(${folder}/\\) `, "m"));
  }
  for (const name of names.filter((name) => !name.includes("/"))) {
    assertMatch(page, new RegExp(`\\[\`${name}\`\\]\\(${name}\\.ts\\)`));
    assertMatch(page, new RegExp(`\\$ deno task (examples )?${name}\\b`));
  }
});

Deno.test("examples/README.md: the first steps print what it shows", {
  timeout: 60_000,
}, async () => {
  const page = await readText("examples/README.md");
  const shown = codeBlocks(page)
    .filter(({ language }) => language === "console")
    .map(({ text }) => {
      const [command, ...lines] = text.trimEnd().split("\n");
      return { command, output: lines.join("\n") };
    });
  const clients = shown.filter(({ command }) =>
    /examples (echo_client|five_clients|client_timeout)/.test(command)
  );
  assertEquals(clients.length, 3);
  await using server = await Example.start(
    "echo_server",
    ...["--listen", "127.0.0.1:0"],
  );
  const [, address] = await server.printed(/listening on (\S+)\n/);
  for (const { command, output } of clients) {
    const [, name, rest] = /examples (\w+) ?(.*)$/.exec(command)!;
    const texts = [...rest.matchAll(/"([^"]+)"|(\S+)/g)]
      .map(([, quoted, plain]) => quoted ?? plain);
    const ending = await runExample(name, "--connect", address, ...texts);
    // The sum of it is no output of the program.
    const printed = ending.output + ending.errors;
    assertEquals(masked(printed.trimEnd()), masked(output));
  }
});

/** Without what differs from one run to the next. */
function masked(text: string): string {
  return text.replaceAll(/\d[\d.:]*/g, "N");
}
