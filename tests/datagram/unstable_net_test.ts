import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { hasFlag } from "./_backends.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("everything of this folder holds with --unstable-net, too", {
  // It is the other run.
  ignore: hasFlag,
  timeout: 120_000,
}, async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "--quiet", "--no-lock", "--no-check", "--unstable-net"],
      ...[`--import-map=${ROOT}tools/std/import_map.json`, "--allow-all"],
      `${ROOT}tests/datagram`,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  const report = text.decode(stdout) + text.decode(stderr);
  assertEquals(code, 0, report);
});
