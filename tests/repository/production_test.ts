import { assertEquals } from "@std/assert";
import { lacksPrograms } from "../_support/programs.ts";

const text = await Deno.readTextFile(
  new URL("../../docs/production.md", import.meta.url),
);

/** The one block of a language in docs/production.md. */
function blockOf(language: string): string {
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language);
  assertEquals(blocks.length, 1, `blocks of ${language}`);
  return blocks[0][2];
}

/** Has a program check a file, and gives what it complains of. */
async function check(
  name: string,
  contents: string,
  command: (path: string) => [string, ...string[]],
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/${name}`, contents);
    const [program, ...args] = command(`${dir}/${name}`);
    const { code, stderr } = await new Deno.Command(program, {
      args,
      stdin: "null",
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("the configuration of HAProxy in docs/production.md is valid", {
  ignore: lacksPrograms("haproxy"),
  timeout: 10_000,
}, async () => {
  await check(
    "haproxy.cfg",
    blockOf("haproxy"),
    (path) => ["haproxy", "-c", "-q", "-f", path],
  );
});

Deno.test("the unit in docs/production.md is valid", {
  // No test installs systemd.
  ignore: await isMissing("systemd-analyze"),
  timeout: 10_000,
}, async () => {
  await check(
    "sluice.service",
    blockOf("systemd"),
    (path) => ["systemd-analyze", "verify", path],
  );
});

async function isMissing(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: ["--version"] }).output();
    return false;
  } catch {
    return true;
  }
}
