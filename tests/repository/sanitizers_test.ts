import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT } from "./_checkout.ts";

/** Runs one test under the settings of deno.json. */
async function runTest(
  body: string,
): Promise<{ code: number; output: string }> {
  const file = await Deno.makeTempFile({ suffix: "_test.ts" });
  try {
    await Deno.writeTextFile(file, `Deno.test("it", async () => { ${body} });`);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--no-check",
        "--allow-net=127.0.0.1",
        "--config=deno.json",
        file,
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    return { code, output: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(file);
  }
}

const LISTEN =
  `const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });`;
const CONNECT = `const client = await Deno.connect(listener.addr);
  const server = await listener.accept();
  server.close();
  listener.close();`;

Deno.test(
  "a test that leaks a connection fails",
  { timeout: 30_000 },
  async () => {
    const { code, output } = await runTest(`${LISTEN} ${CONNECT}`);
    assertEquals(code, 1);
    assertStringIncludes(output, "A TCP connection was opened/accepted");
  },
);

Deno.test(
  "a test that leaves a timer behind fails",
  { timeout: 30_000 },
  async () => {
    const { code, output } = await runTest(
      `await setTimeout(() => {}, 60_000);`,
    );
    assertEquals(code, 1);
    assertStringIncludes(output, "A timer was started");
  },
);

Deno.test(
  "a test that closes what it opens passes",
  { timeout: 30_000 },
  async () => {
    const { code } = await runTest(`${LISTEN} ${CONNECT} client.close();`);
    assertEquals(code, 0);
  },
);
