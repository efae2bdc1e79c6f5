import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("_unstable_streams.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

for (
  const [kind, name] of [
    ["quic", "QUIC streams"],
    ["websocket", "a WebSocketStream"],
  ]
) {
  Deno.test(`fromStreams() does what a transport has to do over ${name}`, {
    timeout: 60_000,
  }, async () => {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-lock", "--no-check", "--unstable-net"],
        ...[
          `--import-map=${ROOT}tools/std/import_map.json`,
          "--allow-all",
          PROGRAM,
          kind,
        ],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    assertEquals([text.decode(stdout), text.decode(stderr)], ["passed\n", ""]);
  });
}
