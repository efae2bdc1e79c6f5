import { fileURLToPath } from "node:url";
import {
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { connect, Socket } from "@sluice/net";
import { createAuthority } from "./_support/certificates.ts";
import { DenoProgram } from "./_support/deno_program.ts";
import { listFiles, readText } from "./repository/_checkout.ts";
import { freePort } from "./_support/free_port.ts";

const readme = await readText("README.md");

/** The program that README.md shows under this name, on another port. */
function programOf(name: string, port: number): string {
  const start = readme.indexOf(`// ${name}\n`);
  const source = readme.slice(start, readme.indexOf("\n```", start));
  assertMatch(source, /\b8\d{3}\b/, `README.md has no ${name}`);
  return source.replaceAll(/\b8\d{3}\b/g, String(port));
}

Deno.test("README.md: its server and its client work as they stand there", {
  timeout: 30_000,
}, async () => {
  const port = freePort();
  const allowNet = `127.0.0.1:${port}`;
  await using server = await DenoProgram.start(
    programOf("server.ts", port),
    { allowNet },
  );
  assertEquals(await server.nextLine(), `listening on 127.0.0.1:${port}`);

  await using client = await DenoProgram.start(
    programOf("client.ts", port),
    { allowNet },
  );
  assertEquals(await client.nextLine(), "you said hello");
  assertEquals(await client.ended(), { code: 0, errors: "" });

  if (Deno.build.os === "windows") return; // There Ctrl-C cannot be sent.
  // Its idle clients are no reason to wait: the frames of their handlers end.
  await using idle = await connect({ port });
  await idle.write("hello\n");
  assertEquals(await idle.readLine(), "you said hello");
  server.interrupt();
  assertEquals(await idle.readLine({ timeoutMs: 5_000 }), null);
  await idle.close();
  assertEquals(await server.ended(), { code: 0, errors: "" });
});

Deno.test("README.md: its server and its client speak TLS", {
  timeout: 30_000,
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue();
    let source = programOf("tls.ts", freePort());
    for (
      const [name, pem] of Object.entries({ cert, key, ca: authority.cert })
    ) {
      const path = `${folder}/${name}.pem`;
      await Deno.writeTextFile(path, pem);
      source = source.replace(`"${name}.pem"`, JSON.stringify(path));
    }
    await using program = await DenoProgram.start(source, {
      allowNet: "127.0.0.1,localhost",
      allowRead: folder,
    });
    assertEquals(await program.nextLine(), "hello world");
    assertEquals(await program.ended(), { code: 0, errors: "" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README.md: another folder can use a checkout as it says there", {
  timeout: 30_000,
}, async () => {
  const config = [...readme.matchAll(/```json\n([^`]+)```/g)]
    .map(([, json]) => JSON.parse(json)).find(({ links }) => links)!;
  assertEquals(config.links, ["../sluice"]);
  config.links = [fileURLToPath(new URL("../", import.meta.url))];
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    const { exports } = JSON.parse(await readText("deno.json"));
    const entries = Object.keys(exports).map((name) => name.slice(1));
    const program = entries.map((entry) => `import "@sluice/net${entry}";\n`);
    await Deno.writeTextFile(`${folder}/main.ts`, program.join(""));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "main.ts"],
      cwd: folder,
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("README.md: its server and its client have ten lines each", () => {
  for (const name of ["server.ts", "client.ts"]) {
    const lines = programOf(name, 1).split("\n").slice(1);
    assertEquals(lines.filter((line) => line !== "").length <= 10, true, name);
  }
});

Deno.test("README.md: every defect has a test", async () => {
  const tests = await readText("tests/defects_test.ts");
  const rows = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, row]) => row);
  assertEquals(rows.length, 10);
  for (const row of rows) assertStringIncludes(tests, `Deno.test("${row}. `);
});

Deno.test("README.md: every link leads to a file", async () => {
  const files = await listFiles();
  const links = [...readme.matchAll(/\]\(([^)#:]+)[^):]*\)/g)];
  assertGreater(links.length, 5);
  assertEquals(
    links.map(([, link]) => link).filter((link) =>
      // A folder is shown by its README.
      !files.includes(link.endsWith("/") ? `${link}README.md` : link)
    ),
    [],
  );
});

Deno.test("README.md: what it says of a socket, a socket has", () => {
  const names = [...readme.matchAll(/\bsocket\.([a-zA-Z]+)(?!\w)/g)];
  assertGreater(names.length, 10);
  for (const [name, member] of names) {
    assertEquals(member in Socket.prototype, true, name);
  }
});
