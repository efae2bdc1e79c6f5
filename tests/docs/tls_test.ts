import { assertEquals, assertGreater } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lacksPrograms, program } from "../_support/programs.ts";
import { readText, ROOT } from "../repository/_checkout.ts";
import { codeBlocks } from "./_code_blocks.ts";

Deno.test(
  "docs/tls.md: its commands make certificates, and its programs print what they say",
  {
    timeout: 60_000,
    ignore: Deno.build.os === "windows" || lacksPrograms("openssl"),
  },
  async () => {
    const blocks = codeBlocks(await readText("docs/tls.md"));
    const folder = await Deno.makeTempDir();
    try {
      program("openssl"); // Else the shell says so in words of its own.
      for (const { language, text } of blocks) {
        if (language !== "sh") continue;
        const { code, stderr } = await new Deno.Command("/bin/sh", {
          args: ["-e", "-c", text],
          cwd: folder,
        }).output();
        assertEquals(code, 0, new TextDecoder().decode(stderr));
      }
      const programs = blocks.filter(({ language }) => language === "ts ignore")
        .map(({ text }) => ({
          text,
          name: /^\/\/ (\w+\.ts)\n/.exec(text)![1],
        }));
      assertGreater(programs.length, 3);
      for (const { name, text } of programs) {
        await Deno.writeTextFile(`${folder}/${name}`, text);
      }
      await deno(folder, "check", ...programs.map(({ name }) => name));
      await Promise.all(programs.map(async ({ name, text }) => {
        const said = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)]
          .map(([, line]) => `${line}\n`).join("");
        assertGreater(said.length, 0, name);
        const permissions = [
          "--allow-net=127.0.0.1,localhost",
          "--allow-read=.",
        ];
        assertEquals(await deno(folder, "run", ...permissions, name), said);
      }));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** Runs `deno` in a folder, with this checkout's imports, and gives what it printed. */
async function deno(cwd: string, name: string, ...args: string[]) {
  const config = `--config=${fileURLToPath(new URL("deno.json", ROOT))}`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [name, "--quiet", config, ...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}
