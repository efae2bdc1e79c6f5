import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { exampleNames, summaryOf } from "../../tools/_examples.ts";
import { readText } from "../repository/_checkout.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { runInTerminal, type TerminalOptions } from "../_support/terminal.ts";
import { exampleCommand } from "./_example.ts";
import { Workspace } from "./files/_workspace.ts";

/**
 * How every program of `examples/` behaves on a command line, whatever it is for: new ones
 * are found by themselves.
 *
 * @module
 */

const NAMES = await exampleNames();
/** As many run at a time. */
const AT_ONCE = 3;

interface Ending {
  code: number;
  output: string;
  errors: string;
}

/** Runs an example within its permissions; nothing tells it to leave colors out. */
async function runPlainly(name: string, ...args: string[]): Promise<Ending> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...await exampleCommand(name), ...args],
    env: { NO_COLOR: "" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    output: decoder.decode(stdout),
    errors: decoder.decode(stderr),
  };
}

/** Checks all examples, some of them at a time, and names those that fail. */
async function forEach(
  names: readonly string[],
  check: (name: string) => Promise<void>,
): Promise<void> {
  const left = [...names];
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      try {
        await check(name);
      } catch (error) {
        wrong.push(`${name}: ${(error as Error).message}`);
      }
    }
  }));
  assertEquals(wrong, []);
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f]/;

Deno.test("every example explains itself with --help, and with -h", {
  timeout: 60_000,
}, async () => {
  assertGreater(NAMES.length, 15);
  await forEach(NAMES, async (name) => {
    const { code, output, errors } = await runPlainly(
      name,
      name.length % 2 === 0 ? "--help" : "-h",
    );
    assertEquals([code, errors], [0, ""]);
    assertMatch(output, /^Usage: deno task (examples |demo$)/m);
    assertMatch(output, /^Examples?:$/m);
    assertMatch(output, /^ +(-\w, )?--help +shows this text$/m);
    assertMatch(output, /^Exit code: 0 /m);
    assertNotMatch(output, CONTROL);
    for (const line of output.split("\n")) assert(line.length <= 95, line);

    // What usage and examples name, the list of flags explains.
    const [usage] = output.match(/^Usage:[^]*?\n\n/m)!;
    const [examples] = output.match(/^Examples:[^]*?(?=\n\n)/m)!;
    const listed = new Set(
      [...output.matchAll(/^ +(?:(-\w), )?(--[\w-]+)(?:, (--[\w-]+))?/gm)]
        .flatMap(([, ...flags]) => flags),
    );
    const named = [...(usage + examples).matchAll(/(?<=[ [])--?[a-z][\w-]*/gi)]
      .map(([flag]) => flag)
      .filter((flag) => !flag.startsWith("--allow-"));
    for (const flag of named) assert(listed.has(flag), flag);
    // Its own name is in its usage, and a default in each flag that has one.
    if (name !== "demo") assertStringIncludes(usage, name);
    for (const [, flag, text] of flagsOf(output)) {
      if (/[A-Z]{2}/.test(flag)) {
        assertMatch(text, /default|required|several/, flag);
      }
    }
  });
});

/** Flags that take a value, with what the help says of them. */
function flagsOf(help: string): RegExpExecArray[] {
  const pattern =
    /^ +((?:-\w, )?--[\w-]+ [A-Z]+) {2,}([^]*?)(?=\n {1,6}-|\n\n)/gm;
  return [...help.matchAll(pattern)];
}

Deno.test(
  "every example refuses a flag that it does not know, and says where all are explained",
  {
    timeout: 60_000,
  },
  async () => {
    await forEach(NAMES, async (name) => {
      const { code, output, errors } = await runPlainly(name, "--no-such-flag");
      assertEquals([code, output], [2, ""]);
      assertMatch(
        errors,
        /^Cannot run: each flag must be .*, got --no-such-flag \(--help explains them\)\n$/,
      );
    });
  },
);

Deno.test(
  "every client ends with one line and exit code 1 where nothing listens",
  {
    timeout: 120_000,
  },
  async () => {
    const clients: string[] = [];
    await forEach(NAMES, async (name) => {
      const source = await readText(`examples/${name}.ts`);
      if (/--connect ADDRESS|\$\{CLIENT_HELP\}/.test(source)) {
        clients.push(name);
      }
    });
    assertGreater(clients.length, 8);
    const more: Record<string, string[]> = {
      "files/get": ["a"],
      "files/send": ["README.md"],
      "mqtt/pub": ["--topic", "a", "--message", "b"],
      "mqtt/sub": ["--topic", "a"],
    };
    await forEach(clients, async (name) => {
      const { code, errors } = await runPlainly(
        name,
        ...["--connect", "127.0.0.1:1"],
        ...more[name] ?? [],
      );
      assertEquals(code, 1, errors);
      assertNotMatch(errors, /^ +at |^error: /m); // No stack.
      assertNotMatch(errors, CONTROL);
      assertMatch(errors, /refused|terminal/);
    });
  },
);

Deno.test(
  "deno task examples lists all of them, with a line on what each shows",
  {
    timeout: 30_000,
  },
  async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-config", "--allow-read"],
        ...["--allow-env=SLUICE_STD,INIT_CWD", "tools/run.ts", "examples"],
      ],
      cwd: new URL("../../", import.meta.url),
    }).output();
    assertEquals(code, 0);
    const output = new TextDecoder().decode(stdout);
    for (const name of NAMES) {
      const summary = summaryOf(await readText(`examples/${name}.ts`));
      assertGreater(summary.length, 15, name);
      assert(summary.length < 100, summary);
      assertStringIncludes(
        output.replaceAll(/ +/g, " "),
        ` ${name} ${summary}\n`,
      );
    }
  },
);

/** Runs an example in a terminal of its own, and gives what that shows. */
async function exampleInTerminal(
  name: string,
  args: string[],
  { env, ...options }: TerminalOptions = {},
): Promise<{ code: number; output: string }> {
  return await runInTerminal(
    [...await exampleCommand(name), ...args],
    { ...options, env: { NO_COLOR: "", TERM: "xterm", ...env } },
  );
}

const noTerminal = Deno.build.os === "windows" || lacksPrograms("python3");
// deno-lint-ignore no-control-regex
const COLOR = /\x1b\[[\d;]*m/;

Deno.test("colors are for terminals, and never where NO_COLOR is set", {
  timeout: 60_000,
  ignore: noTerminal,
}, async () => {
  const args = ["--web", "off", "--probe", "off", "--once"];
  const [piped, terminal, plain] = await Promise.all([
    runPlainly("monitor/watch", ...args),
    exampleInTerminal("monitor/watch", args),
    exampleInTerminal("monitor/watch", args, { env: { NO_COLOR: "1" } }),
  ]);
  for (const { output } of [piped, terminal, plain]) {
    assertStringIncludes(output, "AVAILABLE");
  }
  assertNotMatch(piped.output, CONTROL);
  assertMatch(terminal.output, COLOR);
  assertNotMatch(plain.output, COLOR);
});

Deno.test(
  "a progress bar that is interrupted leaves the shell a line of its own",
  {
    timeout: 60_000,
    ignore: noTerminal,
  },
  async () => {
    await using space = await Workspace.create();
    await space.write("big.bin", 2_000_000);
    const { server, address } = await space.serve("--limit", "100K");
    await using _ = server;
    const { code, output } = await exampleInTerminal(
      "files/send",
      ["big.bin", "--connect", address],
      { pressAt: ["left"], cwd: space.path },
    );
    assertEquals(code, 130);
    const last =
      "interrupted; run it again, and it goes on where it stopped\r\n";
    assertEquals(output.slice(-last.length), last);
  },
);
