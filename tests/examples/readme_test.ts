import { assertEquals, assertMatch } from "@std/assert";

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** Each example that is a program for users has a folder with a README. */
function readmes(): [name: string, text: string][] {
  const folders = [...Deno.readDirSync(EXAMPLES)]
    .filter(({ name, isDirectory }) => isDirectory && name !== "demo");
  return folders.map(({ name }) => [
    name,
    Deno.readTextFileSync(new URL(`${name}/README.md`, EXAMPLES)),
  ]);
}

Deno.test("each application says what it holds against, and what not", () => {
  const all = readmes();
  assertEquals(
    all.map(([name]) => name).sort(),
    ["chat", "dns", "files", "game", "monitor", "mqtt", "redis", "socks5"],
  );
  for (const [name, text] of all) {
    const [, holds, not] =
      /^## What it holds against\n(.*?)^### What it does not hold against\n(.*?)(?=^#|$(?![^]))/ms
        .exec(text) ?? [];
    assertMatch(holds ?? "", /\*\*[^]{200}/, name);
    assertMatch(not ?? "", /[^]{80}/, name);
  }
});

Deno.test("echo_server says what it holds against, and what not", () => {
  const url = new URL("echo_server.ts", EXAMPLES);
  const [comment] = /\/\*\*[^]*?\*\//.exec(Deno.readTextFileSync(url))!;
  assertMatch(comment, / It holds against /);
  assertMatch(comment, / It does not hold against /);
});
