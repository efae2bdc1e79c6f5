import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { connect } from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms, program } from "../_support/programs.ts";

const ROOT = new URL("../../", import.meta.url);

const text = await Deno.readTextFile(
  new URL("../../docs/production.md", import.meta.url),
);

/** The one block of a language in docs/production.md that has this in it. */
function blockOf(language: string, part = ""): string {
  const blocks = [...text.matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)]
    .filter(([, name, block]) => name === language && block.includes(part));
  assertEquals(blocks.length, 1, `blocks of ${language} with ${part}`);
  return blocks[0][2];
}

/** Has a program check files: it must not complain. */
async function check(
  files: Record<string, string>,
  command: (dir: string) => [string, ...string[]],
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, contents] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/${name}`, contents);
    }
    const [program, ...args] = command(dir);
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
    { "haproxy.cfg": blockOf("haproxy") },
    (dir) => ["haproxy", "-c", "-q", "-f", `${dir}/haproxy.cfg`],
  );
});

const SOCKET_UNIT = blockOf("systemd", "# sluice.socket\n");
const SERVICE_UNIT = blockOf("systemd", "# sluice.service\n");

Deno.test("the units in docs/production.md are valid", {
  // No test installs systemd.
  ignore: await isMissing("systemd-analyze"),
  timeout: 30_000,
}, async () => {
  await check(
    { "sluice.socket": SOCKET_UNIT, "sluice.service": SERVICE_UNIT },
    (dir) => [
      "systemd-analyze",
      "verify",
      `${dir}/sluice.socket`,
      `${dir}/sluice.service`,
    ],
  );
});

/** What a unit says of a setting. */
function setting(unit: string, name: string): string {
  const [, value] = new RegExp(`^${name}=(.*)$`, "m").exec(unit) ?? [];
  return value;
}

Deno.test(
  "the server in docs/production.md does with its unit what is said of it",
  {
    ignore: lacksPrograms("python3", "openssl") || Deno.build.os === "windows",
    timeout: 60_000,
  },
  async () => {
    const dir = await Deno.makeTempDir();
    const authority = await createAuthority();
    const renew = async () => {
      const { cert, key } = await authority.issue();
      await Deno.writeTextFile(`${dir}/cert.pem`, cert);
      await Deno.writeTextFile(`${dir}/key.pem`, key);
      return cert.replaceAll(/\s/g, "");
    };
    const first = await renew();
    const source = blockOf("ts", "// server.ts\n");
    await Deno.writeTextFile(`${dir}/server.ts`, source);
    const imports = { "@sluice/net": new URL("mod.ts", ROOT).href };
    await Deno.writeTextFile(`${dir}/map.json`, JSON.stringify({ imports }));

    // As systemd starts it, with the same flags.
    const [env, deno, run, ...rest] = setting(SERVICE_UNIT, "ExecStart")
      .split(" ");
    const map = ["--import-map=map.json", "--no-lock", "--quiet"];
    const name = setting(SOCKET_UNIT, "FileDescriptorName");
    const port = freePort();
    const child = new Deno.Command(program("python3"), {
      args: [
        new URL("../_support/with_sockets.py", import.meta.url).pathname,
        ...[`tcp:${port}=${name}`, "--", env, deno, run, ...map, ...rest],
      ],
      cwd: dir,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const printed = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    try {
      const tls = { caCerts: [authority.cert] };
      // Python takes a moment to open it.
      const retry = { attempts: 500, minDelayMs: 20, maxDelayMs: 20 };
      await using early = await connect({ port, tls, retry });
      assertEquals(await shownTo(port), first);
      const second = await renew();
      const command = setting(SERVICE_UNIT, "ExecReload");
      assertEquals(command, "/bin/kill -HUP $MAINPID");
      child.kill("SIGHUP");
      assertStringIncludes((await printed.read()).value!, "read again");
      assertEquals(await shownTo(port), second);
      await early.write("world\n");
      assertEquals(await early.readLine(), "hello world");
      await early.close();
      child.kill("SIGTERM");
      assertEquals((await child.status).code, 0);
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await Promise.all([child.status, printed.cancel()]);
      await Deno.remove(dir, { recursive: true });
    }
    // The defaults leave systemd no time to kill it before.
    assertGreater(Number(setting(SERVICE_UNIT, "TimeoutStopSec")), 15);
  },
);

/** The certificate that `openssl` is shown. */
async function shownTo(port: number): Promise<string> {
  const { stdout } = await new Deno.Command(program("openssl"), {
    args: ["s_client", "-connect", `127.0.0.1:${port}`],
    stdin: "null",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const [shown] = /-----BEGIN[^]*?-----END CERTIFICATE-----/.exec(text) ?? [];
  return (shown ?? text).replaceAll(/\s/g, "");
}

Deno.test("Linux has the limits of docs/production.md, and takes them", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const lines = blockOf("sysctl").trim().split("\n")
    .filter((line) => !line.startsWith("#"));
  assertEquals(lines.length, 3);
  for (const line of lines) {
    const [, name, values] = /^([\w.]+) = ([\d ]+)$/.exec(line)!;
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    const now = (await Deno.readTextFile(path)).trim().split(/\s+/);
    assertEquals(values.split(" ").length, now.length, name);
  }
});

async function isMissing(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: ["--version"] }).output();
    return false;
  } catch {
    return true;
  }
}
