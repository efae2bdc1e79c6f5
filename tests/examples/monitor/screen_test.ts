import { assert, assertEquals, assertMatch } from "@std/assert";
import { withImportMap } from "../../../tools/_command.ts";
import { exampleArguments } from "../../../tools/_examples.ts";
import { findStdSource } from "../../../tools/_std.ts";
import { lacksPrograms, program } from "../../_support/programs.ts";

/** To the upper left corner: there each picture begins. */
const HOME = "␛[H";
const windows = Deno.build.os === "windows";

Deno.test("watch draws its table over and over, within the terminal", {
  timeout: 30_000,
  ignore: windows || lacksPrograms("python3"),
}, async () => {
  const child = new Deno.Command(program("python3"), {
    args: [
      ...["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"],
      ...["sh", "-c", 'stty cols 60 rows 7; exec "$@"', "sh"],
      Deno.execPath(),
      ...withImportMap(
        await exampleArguments("monitor/watch"),
        await findStdSource(),
      ),
      ...["--web", "127.0.0.1:0", "--probe", "off"],
    ],
    cwd: new URL("../../../", import.meta.url),
    env: { TERM: "xterm", NO_COLOR: "" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keys = child.stdin.getWriter();
  let text = "";
  let isInterrupted = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    // As a sign that can be seen in a pattern.
    text += chunk.replaceAll("\x1b", "␛");
    if (isInterrupted || text.split(HOME).length < 4) continue;
    isInterrupted = true;
    await keys.write(new TextEncoder().encode("\x03"));
  }
  await keys.close().catch(() => {});
  assertEquals((await child.status).code, 0);

  const pictures = text.replace("^C", "").split(HOME).slice(1);
  const last = pictures.pop()!;
  for (const picture of pictures) {
    // What is left of the old picture is wiped, beside and below the new one.
    assertMatch(picture, /^STATE.*␛\[K\r\n[^]*␛\[J$/);
    const lines = plain(picture).split("\r\n").slice(0, -1);
    assert(lines.length < 7, `${lines.length} lines`);
    assert(lines.every((line) => line.length <= 60), lines.join("\n"));
  }
  assertMatch(pictures[0], /␛\[3[123]m[●◐✖] /);
  assertMatch(plain(last), /^STATE.*\r\n[●◐✖] .*this page/);
});

/** Without what only moves and paints. */
function plain(text: string): string {
  return text.replaceAll(/␛\[\d*[A-Za-z]/g, "");
}
