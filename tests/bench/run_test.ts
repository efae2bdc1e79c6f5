import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { Results } from "../../bench/peers/results.ts";
import { makeCheckouts } from "../../bench/compare/checkouts.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("bench:peers leaves numbers, a report and charts behind", {
  timeout: 60_000,
}, async () => {
  const out = await Deno.makeTempDir();
  try {
    const map = new URL("tools/std/import_map.json", ROOT);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        `--import-map=${map.href}`,
        new URL("bench/peers/main.ts", ROOT).href,
        "--quick",
        "--seconds=0.1",
        "--connections=2",
        "--only=echo-1,bulk,idle,idle-minute,stalled,churn," +
        "sluice-batches,sluice-readable",
        `--out=${out}`,
      ],
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const report = await Deno.readTextFile(`${out}/latest.md`);
    assertStringIncludes(decoder.decode(stdout), report);
    assertStringIncludes(report, "**Sluice, readInto**");
    assertStringIncludes(report, "**Sluice, idle limit armed**");
    const results: Results = JSON.parse(
      await Deno.readTextFile(`${out}/latest.json`),
    );
    for (const { rows, id } of results.scenarios) {
      assertStringIncludes(await Deno.readTextFile(`${out}/${id}.svg`), "<svg");
      for (const { rounds } of rows) assertGreater(rounds[0]!.rate, 0);
    }
    assertEquals(results.scenarios.length, 6);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test(
  "makeCheckouts() takes both folders and git's note of them away again",
  {
    timeout: 30_000,
  },
  async () => {
    const list = async () => {
      const { stdout } = await new Deno.Command("git", {
        args: ["worktree", "list"],
        cwd: ROOT,
      }).output();
      return new TextDecoder().decode(stdout);
    };
    let folder: URL;
    {
      using checkouts = await makeCheckouts(ROOT, "HEAD");
      const { base, work } = checkouts.roots;
      folder = new URL("../", base);
      assertStringIncludes(await list(), checkouts.commit.slice(0, 7));
      for (const root of [base, work]) {
        await Deno.stat(new URL("mod.ts", root));
        await Deno.stat(new URL("bench/servers/framed_echo.ts", root));
      }
      assertStringIncludes(
        await list(),
        decodeURIComponent(base.pathname).slice(0, -1),
      );
    }
    await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
    assert(!(await list()).includes(decodeURIComponent(folder.pathname)));
  },
);

Deno.test(
  "makeCheckouts() refuses what git does not know",
  { timeout: 10_000 },
  async () => {
    await assertRejects(
      () => makeCheckouts(ROOT, "no-such-revision"),
      RangeError,
      "got no-such-revision",
    );
  },
);
