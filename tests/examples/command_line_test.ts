import { assertEquals } from "@std/assert";
import { BrokenError, serve, TimeoutError } from "@sluice/net";
import { lineOf } from "../../examples/_command_line.ts";
import { whyUnreadable } from "../../examples/_unreadable.ts";
import { runExample } from "./_example.ts";

Deno.test(
  "commandLine() gives texts as they are, also where they look like numbers",
  {
    timeout: 30_000,
  },
  async () => {
    await using server = serve(
      { port: 0 },
      (socket) => socket.readable.pipeTo(socket.writable),
    );
    const texts = ["007", "1e3", "0x10", "1.50"];
    const { output } = await runExample(
      "echo_client",
      "--connect",
      `127.0.0.1:${server.addr.port}`,
      ...texts,
    );
    assertEquals(output.split("\n").slice(0, texts.length), texts);
  },
);

Deno.test("whyUnreadable() says what is wrong with a file", () => {
  const { NotCapable, NotFound, PermissionDenied, IsADirectory } = Deno.errors;
  const cases: [error: unknown, why: string][] = [
    [new NotCapable("net"), "run again with --allow-read=a.pem"],
    [new NotFound("os error 2"), "there is no such file"],
    [
      new PermissionDenied("13"),
      "its permissions do not let this user read it",
    ],
    [new IsADirectory("21"), "it is a folder"],
    [
      new Error("stream did not contain valid UTF-8"),
      "stream did not contain valid UTF-8",
    ],
  ];
  for (const [error, why] of cases) {
    assertEquals(whyUnreadable(error, "a.pem"), why);
  }
});

Deno.test("lineOf() says what went wrong, not only that a limit passed", () => {
  const cause = new BrokenError("refused", "Cannot connect: \x1b refused");
  assertEquals(lineOf(cause), "Cannot connect: \\u{1b} refused");
  assertEquals(
    lineOf(new TimeoutError("connect", 4_999.98, { cause })),
    "Cannot connect within 5000 ms: the time limit passed " +
      "(Cannot connect: \\u{1b} refused)",
  );
});

Deno.test("stop() shows nothing that a terminal would obey", {
  timeout: 30_000,
}, async () => {
  const ending = await runExample("game/lag_demo", "--seed", "\x1b[31m\u202e");
  assertEquals(ending, {
    code: 2,
    output: "",
    errors: "Cannot run: --seed must be a whole number from 0 to 1000000, " +
      "got \\u{1b}[31m\\u{202e}\n",
  });
});

Deno.test(
  "commandLine() takes what follows a flag as its value, whatever it is",
  {
    timeout: 60_000,
  },
  async () => {
    const seed =
      "Cannot run: --seed must be a whole number from 0 to 1000000, got";
    const flag = "Cannot run: each flag must be one of --seed, --help, got";
    const none = "Cannot run: --seed must have a value, got none\n";
    const cases: [args: string[], errors: string][] = [
      [["--seed", "-5"], `${seed} -5\n`],
      [["--seed", "-x\n"], `${seed} -x\\u{a}\n`],
      [["--seed", ""], none],
      [["--seed", "--"], none],
      [["--seed=1", ""], `${flag} "" (--help explains them)\n`],
      [["--", "more"], `${flag} more (--help explains them)\n`],
    ];
    const endings = await Promise.all(
      cases.map(([args]) => runExample("game/lag_demo", ...args)),
    );
    assertEquals(
      endings.map(({ code, errors }) => [code, errors]),
      cases.map(([, errors]) => [2, errors]),
    );
  },
);

Deno.test("connectFlag() refuses port 0, which is no place to connect to", {
  timeout: 30_000,
}, async () => {
  assertEquals(
    await runExample("echo_client", "--connect", "127.0.0.1:0", "hello"),
    {
      code: 2,
      output: "",
      errors:
        "Cannot connect: the port of --connect must be from 1 to 65535, got 127.0.0.1:0\n",
    },
  );
});
