import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { framed, lengthPrefixed, serve } from "@sluice/net";
import { checkoutFiles } from "../../examples/demo/checkout_files.ts";
import { table } from "../../examples/demo/screen.ts";
import { transfer } from "../../examples/demo/transfer.ts";
import { listFiles } from "../repository/_checkout.ts";
import { runExample } from "./_example.ts";

const ROOT = new URL("../../", import.meta.url);
const timeout = 60_000;

/** A path for `Deno.*` functions, without a slash at the end. */
function pathOf(url: URL): string {
  return decodeURIComponent(url.pathname)
    .replace(/^\/(?=[A-Za-z]:)/, "").replace(/\/$/, "");
}

/** Runs a task in a folder with these files. */
async function inFolder(
  files: Record<string, string>,
  task: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      const parent = path.split("/").slice(0, -1).join("/");
      await Deno.mkdir(`${folder}/${parent}`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${path}`, text);
    }
    await task(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the demo ends with a table in which every check held", {
  timeout,
}, async () => {
  const { code, output, errors } = await runExample("demo");
  assertEquals(errors, "");
  const rows = output.split(/\n-+ {2}-+ {2}-+\n/)[1].split("\n\n")[0].split(
    "\n",
  );
  assertEquals(rows.length, 6);
  for (const row of rows) assertMatch(row, /^.+ {2}held {4}\S/);
  assertMatch(output, /^ +100% .* MB\/s\n/m);
  assertMatch(output, /\nevery check held\n$/);
  assertEquals(code, 0);
});

Deno.test("deno task demo --help explains the demo and runs nothing", {
  timeout,
}, async () => {
  for (const [flag, expected] of [["--help", 0], ["-h", 0], ["--hlep", 2]]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "demo", `${flag}`],
      cwd: new URL("../../", import.meta.url),
      env: { NO_COLOR: "1" },
    }).output();
    const [output, errors] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    assertEquals(code, expected, errors);
    if (code === 0) {
      assertMatch(output, /^Carries .*\nUsage: deno task demo\n/s);
    } else {
      assertMatch(errors, /^Cannot run: each flag must be --help, got --hlep/m);
      assertEquals(output, "");
    }
    assert(!/ MB\/s|held {4}/.test(output), output);
  }
});

Deno.test(
  "the demo goes on after a check that fails, and ends with exit code 1",
  {
    timeout,
  },
  async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      // It may not read the checkout.
      args: [
        "run",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-read=examples",
        "examples/demo.ts",
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stderr: "null",
    }).output();
    const output = new TextDecoder().decode(stdout);
    assertMatch(output, /^five clients, every file +FAILED +Requires read/m);
    assertMatch(output, /^a graceful drain +held /m);
    assertMatch(output, /\nnot every check held\n$/);
    assertEquals(code, 1);
  },
);

Deno.test("transfer() notices one wrong byte, and says in which file", {
  timeout,
}, async () => {
  await using server = serve({ port: 0 }, async (socket) => {
    const connection = framed(socket, lengthPrefixed());
    for await (const frame of connection) {
      const changed = new Uint8Array(frame);
      if (changed.at(-1) === "b".charCodeAt(0)) changed[changed.length - 1]++;
      await connection.send(changed);
    }
  });
  const { port } = server.addr;
  await inFolder({ "good": "aaa", "bad": "aab", "empty": "" }, async (root) => {
    const files = await checkoutFiles(root);
    let bytes = 0;
    const report = await transfer(root, files, {
      port,
      clients: 2,
      onBytes: (count) => bytes += count,
    });
    assertEquals(report.files, 6);
    assertEquals(report.damaged, ["bad", "bad"]);
    assertEquals([report.bytes, bytes], [12, 12]);
  });
});

Deno.test("transfer() fails when the server ends early", {
  timeout,
}, async () => {
  await using server = serve({ port: 0 }, async (socket) => {
    await socket.read();
  });
  const { port } = server.addr;
  await inFolder({ "file": "aaa" }, async (root) => {
    const files = await checkoutFiles(root);
    const options = { port, clients: 1, onBytes: () => {} };
    await assertRejects(
      () => transfer(root, files, options),
      Error,
      "the server ended early",
    );
  });
});

Deno.test("checkoutFiles() lists this checkout as git does", async () => {
  const files = await checkoutFiles(pathOf(ROOT));
  assertEquals(files.map(({ path }) => path), await listFiles());
});

Deno.test("checkoutFiles() leaves out what .gitignore names", async () => {
  await inFolder({
    ".gitignore": "# comment\n\n/out/\n*.log\nthumbs\n/a/only.ts\r\ncache/\n",
    ".git/config": "",
    "a/kept.ts": "four",
    "a/only.ts": "",
    "a/x.log": "",
    "a/thumbs": "",
    "b/a/only.ts": "",
    "b/cache/file": "",
    "b/out/kept": "",
    "cache.ts": "",
    "out/file": "",
    "xlog": "",
  }, async (folder) => {
    const files = await checkoutFiles(folder);
    assertEquals(files.map(({ path }) => path), [
      ".gitignore",
      "a/kept.ts",
      "b/a/only.ts",
      "b/out/kept",
      "cache.ts",
      "xlog",
    ]);
    assertEquals(files[1].size, 4);
  });
});

Deno.test("checkoutFiles() needs no .gitignore", async () => {
  await inFolder({ "a.ts": "" }, async (folder) => {
    assertEquals(await checkoutFiles(folder), [{ path: "a.ts", size: 0 }]);
  });
});

Deno.test("table() lines its columns up", () => {
  assertEquals(
    table([["name", "n"], ["a", "10"], ["longer", "9"]]),
    "name    n\n------  --\na       10\nlonger  9",
  );
});
