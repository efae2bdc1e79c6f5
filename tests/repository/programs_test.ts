import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { findProgram, program } from "../_support/programs.ts";

const windows = Deno.build.os === "windows";

/** Runs a test file that needs a program that does not exist. */
async function runWithout(env: Record<string, string>): Promise<
  { code: number; output: string }
> {
  const file = await Deno.makeTempFile({ suffix: "_test.ts" });
  const support = new URL("../_support/programs.ts", import.meta.url).href;
  try {
    await Deno.writeTextFile(
      file,
      `import { lacksPrograms } from ${JSON.stringify(support)};
      Deno.test("talks to it", { ignore: lacksPrograms("no-such-program") }, () => {
        throw new Error("ran");
      });
      Deno.test("talks to it again", { ignore: lacksPrograms("no-such-program") }, () => {
        throw new Error("ran");
      });`,
    );
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--no-config",
        "--no-check",
        "--allow-read",
        "--allow-env",
        file,
      ],
      env: { NO_COLOR: "1", ...env },
    }).output();
    return { code, output: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("findProgram() finds an executable file and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/tool${windows ? ".exe" : ""}`;
    await Deno.writeTextFile(file, "");
    await Deno.mkdir(`${folder}/folder`);
    if (!windows) {
      assertEquals(findProgram("tool", folder), undefined);
      await Deno.chmod(file, 0o755);
    }
    const path = ["", `${folder}/missing`, folder].join(windows ? ";" : ":");
    assertEquals(findProgram("tool", path), file);
    assertEquals(findProgram("folder", path), undefined);
    assertEquals(findProgram("other", path), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("program() says how to install what is missing", () => {
  assertThrows(
    () => program("no-such-program"),
    Error,
    "Cannot run no-such-program: it is not on the PATH (apt-get install",
  );
});

Deno.test(
  "lacksPrograms() skips the tests on a developer's machine, and says so",
  {
    timeout: 30_000,
  },
  async () => {
    const { code, output } = await runWithout({ CI: "" });
    assertEquals(code, 0);
    assertStringIncludes(
      output,
      "skipping the tests that need no-such-program",
    );
    assertStringIncludes(output, "0 passed | 0 failed | 2 ignored");
  },
);

Deno.test("lacksPrograms() fails the run in CI on Linux, once a program", {
  timeout: 30_000,
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { code, output } = await runWithout({ CI: "true" });
  assertEquals(code, 1);
  assertStringIncludes(output, "no-such-program is installed, as CI needs it");
  assertStringIncludes(output, "0 passed | 1 failed | 2 ignored");
});
