import { assertEquals, assertRejects } from "@std/assert";
import { supervise } from "@sluice/net/workers";
import { DenoProgram } from "../_support/deno_program.ts";
import { ask, fixture, start } from "./_group.ts";

const options = { ignore: Deno.build.os === "windows", timeout: 60_000 };

Deno.test(
  "workers have the permissions that they are given and no others",
  options,
  async () => {
    const cases: [permissions: string[], granted: string[]][] = [
      [[], []],
      [["--no-prompt"], []],
      [["--deny-net"], []],
      [["--ignore-env"], []],
      [["--deny-ffi"], []],
      [["--allow-net=127.0.0.1:8888"], ["port"]],
      [["-N=127.0.0.1:8888"], ["port"]],
      [["--allow-read", "--allow-net"], ["net", "read", "port"]],
      [["--allow-import"], []],
      [["-A"], ["net", "read", "write", "env", "run", "sys", "ffi", "port"]],
    ];
    await Promise.all(cases.map(async ([permissions, expected]) => {
      const args = ["--own", "argument"];
      const { group } = await start("permissions", {
        workers: 1,
        permissions,
        args,
      });
      await using _end = group;
      const [granted, seen] = JSON.parse((await ask(group, ""))!);
      assertEquals(granted, expected, permissions.join());
      assertEquals(seen, args);
    }));
  },
);

Deno.test(
  "supervise says which permissions it lacks, and asks for none",
  options,
  async () => {
    await using program = await DenoProgram.start(`
    import { supervise } from "@sluice/net/workers";
    await supervise({ module: ${
      JSON.stringify(fixture("echo").href)
    }, port: 0 })
      .catch((error) => console.log(error.name, error.flags, error.message));
  `);
    const line = await program.nextLine();
    const run = `--allow-run=${Deno.execPath()}`;
    assertEquals(
      line.replaceAll(/\s+/g, " "),
      `PermissionError [ "${run}", "--allow-env" ] ` +
        `Cannot supervise: run again with ${run} --allow-env`,
    );
  },
);

Deno.test(
  "--allow-run=deno suffices where that is a link to the program that runs",
  options,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.symlink(Deno.execPath(), `${folder}/deno`);
      await using program = await DenoProgram.start(
        `
        import { supervise } from "@sluice/net/workers";
        await using group = await supervise({
          module: ${JSON.stringify(fixture("echo").href)},
          workers: 1,
          port: 0,
          permissions: ["--allow-net=127.0.0.1"],
        });
        console.log(group.workers.length, "is up");
      `,
        {
          allowRun: "deno",
          allowEnv: true,
          env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
        },
      );
      assertEquals(await program.nextLine(), "1 is up");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  "options that are wrong are refused before anything starts",
  options,
  async () => {
    const module = fixture("echo");
    const wrong: [options: Record<string, unknown>, text: string][] = [
      [{ module: "./worker.ts" }, "module must be a URL"],
      [{ module: undefined }, "module must be a string"],
      [{ port: 70_000 }, "port must be an integer from 0 to 65535"],
      [{ port: undefined }, "port must be a number"],
      [{ hostname: "a b" }, "hostname must be a name or an address"],
      [{ hostname: "fe80::1" }, "hostname must be link-local with its zone"],
      [{ workers: 0 }, "workers must be an integer from 1 to 1024, got 0"],
      [{ worker: 2 }, 'unknown option "worker", did you mean workers?'],
      [{ backlog: 65_536 }, "backlog must be an integer from 1 to 65535"],
      [{ isolation: "fork" }, 'isolation must be "process" or "thread"'],
      [{ share: "port" }, 'share must be "fd" or "reuse-port"'],
      [{ permissions: "-A" }, "permissions must be an array of strings"],
      [{ permissions: ["allow-net"] }, "permissions[0] must be a flag such as"],
      [{ permissions: ["--v8-flags=x"] }, "permissions[0] must be a flag"],
      [
        { denoFlags: ["--allow-net"] },
        "denoFlags[0] must be a flag that is no",
      ],
      [{ denoFlags: ["-A"] }, "denoFlags[0] must be a flag that is no"],
      [{ denoFlags: ["-qA"] }, "denoFlags[0] must be a flag that is no"],
      // No permissions: a Deno that is given nothing else would have all of them.
      [{ permissions: ["--allow-scripts"] }, "permissions[0] must be a flag"],
      [{ permissions: ["--allow-hrtime"] }, "permissions[0] must be a flag"],
      [{ args: ["a\0"] }, "args[0] must be text without a NUL"],
      [{ env: { A: "\0" } }, "env.A must be text without a NUL"],
      [{ env: { "A=B": "1" } }, "each name in env must be a name without ="],
      [{ env: { "": "1" } }, 'of one character at least, got ""'],
      [{ env: { "A\0": "1" } }, "each name in env must be a name without ="],
      [{ denoFlags: ["main.ts"] }, "denoFlags[0] must be a flag that is no"],
      [{ args: [1] }, "args[0] must be a string, got 1"],
      [{ env: { A: 1 } }, "env.A must be a string, got 1"],
      [{ restart: { max: 3 } }, 'unknown option "max" of restart'],
      [{ restart: { minDelayMs: 9, maxDelayMs: 1 } }, "maxDelayMs must be"],
      [{ restart: { maxRestarts: -1 } }, "maxRestarts must be an integer"],
      [{ restart: { withinMs: 0 } }, "withinMs must be above 0"],
      [{ healthMs: 0 }, "healthMs must be above 0"],
      [{ startTimeoutMs: 0 }, "startTimeoutMs must be above 0"],
      [{ shutdownTimeoutMs: -1 }, "shutdownTimeoutMs must be at least 0"],
      [{ maxQueuedMessages: 0 }, "maxQueuedMessages must be an integer"],
      [{ maxQueuedBytes: 0.5 }, "maxQueuedBytes must be an integer"],
      [{ signal: {} }, "signal must be an AbortSignal"],
      [{ onEvent: 1 }, "onEvent must be a function"],
      [
        { isolation: "thread", permissions: ["--allow-net"] },
        'permissions and isolation: "thread" cannot hold together',
      ],
      [
        { isolation: "thread", env: {} },
        'env and isolation: "thread" cannot hold together',
      ],
      [
        { isolation: "thread", share: "fd" },
        'share: "fd" and isolation: "thread" cannot hold together',
      ],
    ];
    for (const [bad, text] of wrong) {
      const given = { module, port: 0, ...bad } as never;
      const error = await assertRejects(() => supervise(given), Error, text);
      assertEquals(/^Cannot supervise: /.test(error.message), true);
      assertEquals(/^(Type|Range)Error$/.test(error.name), true, error.name);
    }
  },
);

Deno.test("a signal that has aborted starts nothing", options, async () => {
  const signal = AbortSignal.abort("not now");
  const events: unknown[] = [];
  const reason = await supervise({
    module: fixture("echo"),
    port: 0,
    signal,
    onEvent: (event) => events.push(event),
  }).catch((reason) => reason);
  assertEquals([reason, events], ["not now", []]);

  // Also one that aborts while the address is opened.
  const controller = new AbortController();
  const starting = supervise({
    module: fixture("echo"),
    port: 0,
    signal: controller.signal,
    onEvent: (event) => events.push(event),
  }).catch((reason) => reason);
  controller.abort("any more");
  assertEquals([await starting, events], ["any more", []]);
});

Deno.test(
  "a signal that aborts while workers start is told by its reason",
  options,
  async () => {
    const controller = new AbortController();
    const types: string[] = [];
    const reason = await supervise({
      module: fixture("echo"),
      port: 0,
      workers: 1,
      signal: controller.signal,
      onEvent({ type }) {
        types.push(type);
        controller.abort("changed my mind");
      },
    }).catch((reason) => reason);
    assertEquals(reason, "changed my mind");
    assertEquals(types, ["worker-started", "drain", "worker-ended"]);
  },
);
