import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createAuthority } from "../_support/certificates.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { Example, exampleCommand, runExample } from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";
import { ScriptedBroker } from "./mqtt/_broker.ts";
import {
  lacksBroker,
  Mosquitto,
  publishLines,
  startTool,
} from "./mqtt/_mosquitto.ts";
import { Relay } from "./mqtt/_relay.ts";

const timeout = 60_000;
const ignore = lacksBroker() || lacksPrograms("mosquitto_pub", "mosquitto_sub");
const windows = Deno.build.os === "windows";

const at = (port: number) => ["--connect", `127.0.0.1:${port}`];

/** Waits until a broker has granted what a program asks for: its retained message comes. */
async function startSub(
  port: number,
  ...args: string[]
): Promise<Example> {
  await publishLines(port, "ready", ["it is there"], "-r");
  const sub = await Example.start(
    "mqtt/sub",
    ...[...at(port), "-t", "ready", ...args],
  );
  await sub.printed(/it is there\n/);
  return sub;
}

Deno.test("mqtt/pub publishes to mosquitto_sub: a text, lines, nothing", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await publishLines(broker.port, "a/ready", ["it is there"], "-r");
  await using tool = startTool(
    "mosquitto_sub",
    broker.port,
    ...["-t", "a/#", "-q", "1", "-C", "7", "-F", "%t %q %r %p"],
  );
  assertEquals(await tool.line(), "a/ready 1 1 it is there");
  const pub = (...args: string[]) =>
    runExample("mqtt/pub", ...at(broker.port), ...args);
  const silent = { code: 0, output: "", errors: "" };
  assertEquals(await pub("-t", "a/text", "-m", "héllo", "-q", "1"), silent);
  assertEquals(await tool.line(), "a/text 1 0 héllo");
  assertEquals(await pub("-t", "a/cold", "-m", "-5.5"), silent);
  assertEquals(await tool.line(), "a/cold 0 0 -5.5");
  assertEquals(await pub("--topic", "a/null", "--null", "--retain"), silent);
  assertEquals(await tool.line(), "a/null 0 0 ");
  await using lines = await Example.start(
    "mqtt/pub",
    ...[...at(broker.port), "-t", "a/lines", "--qos", "1"],
  );
  await lines.type("one\n\nthree");
  assertEquals(await lines.ended(), silent);
  assertEquals(
    [await tool.line(), await tool.line(), await tool.line()],
    ["a/lines 1 0 one", "a/lines 1 0 ", "a/lines 1 0 three"],
  );
});

Deno.test("mqtt/pub publishes the bytes of a line as they are", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await publishLines(broker.port, "bytes", ["ready"], "-r");
  await using tool = startTool(
    "mosquitto_sub",
    broker.port,
    ...["-t", "bytes", "-C", "2", "-F", "%x"],
  );
  assertEquals(await tool.line(), "7265616479");
  const args = [...at(broker.port), "-t", "bytes"];
  await using pub = await Example.start("mqtt/pub", ...args);
  await pub.type(Uint8Array.of(0xff, 0x00, 0xc3, 0x0a));
  assertEquals((await pub.ended()).code, 0);
  assertEquals(await tool.line(), "ff00c3");
});

Deno.test(
  "mqtt/sub prints what mosquitto_pub publishes, as text that is safe",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using sub = await startSub(
      broker.port,
      ...["--topic", "a/+", "-v", "-q", "1", "--count", "4"],
    );
    await publishLines(broker.port, "a/b", ["plain", "\x1b]0;title\x07\u202e"]);
    await publishLines(broker.port, "a/\u200b", ["name"]);
    const { code, output, errors } = await sub.ended();
    assertEquals([code, errors], [0, ""]);
    assertEquals(output.split("\n"), [
      "ready it is there",
      "a/b plain",
      "a/b \\u{1b}]0;title\\u{7}\\u{202e}",
      "a/\\u{200b} name",
      "",
    ]);
  },
);

Deno.test("mqtt/sub --raw prints payloads as they are", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await publishLines(broker.port, "kept", ["\x1b[1m ü"], "-r");
  assertEquals(
    await runExample(
      "mqtt/sub",
      ...[...at(broker.port), "-t", "kept", "-t", "kept", "--raw", "-C", "1"],
    ),
    { code: 0, output: "\x1b[1m ü\n", errors: "" },
  );
});

Deno.test("Ctrl-C ends mqtt/sub, and mqtt/pub after what it has read", {
  timeout,
  ignore: ignore || windows,
}, async () => {
  await using broker = await Mosquitto.start();
  await using sub = await startSub(broker.port, "-t", "a");
  await using pub = await Example.start(
    "mqtt/pub",
    ...[...at(broker.port), "-t", "a", "-q", "1"],
  );
  await pub.type("last\n");
  await sub.printed(/last\n/);
  pub.interrupt();
  // Its input is still open: it does not wait for that.
  assertEquals(await pub.status(), 0);
  sub.interrupt();
  assertEquals(await sub.status(), 0);
});

Deno.test("Ctrl-C ends mqtt/pub while its broker is silent", {
  timeout,
  ignore: windows,
}, async () => {
  const asked = Promise.withResolvers<void>();
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.expect("connect");
    asked.resolve();
    await peer.rest().catch(() => {});
  });
  const args = [...at(broker.port), "-t", "a", "-m", "x"];
  await using pub = await Example.start("mqtt/pub", ...args);
  await asked.promise;
  pub.interrupt();
  // It says nothing, as it does after half a minute, and does not wait for that.
  assertEquals(await pub.ended(), { code: 1, output: "", errors: "" });
});

Deno.test(
  "mqtt/sub goes on after a lost connection, and loses nothing of a session that is kept",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using relay = new Relay(broker.port);
    await publishLines(broker.port, "ready", ["it is there"], "-r", "-q", "0");
    const args = [
      ...["--connect", `127.0.0.1:${relay.port}`, "-t", "a", "-t", "ready"],
      ...["--id", "reader", "--keep-session", "-q", "1", "-C"],
    ];
    await using sub = await Example.start("mqtt/sub", ...args, "4");
    await sub.printed(/it is there\n/);
    // With QoS 0: one with QoS 1 may come again.
    await publishLines(broker.port, "a", ["zero"], "-q", "0");
    await sub.printed(/zero\n/);
    relay.cut();
    await publishLines(broker.port, "a", ["one", "two"]);
    const first = await sub.ended();
    assertEquals(
      [first.code, first.output.replace(/^(it is there\n)+/, "")],
      [0, "zero\none\ntwo\n"],
    );
    assertMatch(first.errors, /^not connected: .*\nconnected again\n$/);
    await publishLines(broker.port, "a", ["three"]);
    const second = await runExample("mqtt/sub", ...args, "1");
    assertEquals(second, { code: 0, output: "three\n", errors: "" });
  },
);

Deno.test("mqtt/pub and mqtt/sub speak TLS, and log in", {
  timeout,
  ignore: ignore || lacksPrograms("mosquitto_passwd"),
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const users = `${folder}/users`;
    await new Deno.Command("mosquitto_passwd", {
      args: ["-c", "-b", users, "ann", "secret"],
    }).output();
    await Deno.chmod(folder, 0o755);
    await Deno.chmod(users, 0o644);
    const authority = await createAuthority();
    await Deno.writeTextFile(`${folder}/ca.pem`, authority.cert);
    await using broker = await Mosquitto.start({
      tls: await authority.issue(),
      config: ["allow_anonymous false", `password_file ${users}`],
    });
    // Where `ca.pem` is: that alone may be read.
    const run = async (name: string, password: string, ...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...await exampleCommand(name),
          ...["--connect", `mqtts://localhost:${broker.port}`],
          ...["--ca", "ca.pem", "-u", "ann", ...args],
        ],
        cwd: folder,
        env: { NO_COLOR: "1", MQTT_PASSWORD: password },
        stdin: "null",
      }).output();
      const text = new TextDecoder();
      return [code, text.decode(stdout), text.decode(stderr)];
    };
    const pub = ["-t", "a", "-m", "over TLS", "-r", "-q", "1"];
    assertEquals(await run("mqtt/pub", "secret", ...pub), [0, "", ""]);
    assertEquals(
      await run("mqtt/sub", "secret", "-t", "a", "-C", "1"),
      [0, "over TLS\n", ""],
    );
    assertEquals(await run("mqtt/pub", "wrong", ...pub), [
      1,
      "",
      "Cannot connect to the broker: it refuses the client: the client is not authorized\n",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("mqtt/pub and mqtt/sub say in a line what is wrong", {
  timeout,
}, async () => {
  const wrong: [name: string, args: string[], code: number, said: string][] = [
    ["sub", [], 2, "Cannot subscribe: --topic must be given, got none"],
    ["sub", ["-t", "a+"], 2, "--topic must be a filter whose + is a whole"],
    ["sub", ["-t", "a", "-c"], 2, "Cannot keep the session: --id must be"],
    ["sub", ["-t", "a", "-q", "2"], 2, "--qos must be a whole number from 0"],
    ["sub", ["-t", "a", "-C", "0"], 2, "--count must be a whole number from 1"],
    ["pub", [], 2, "Cannot publish: --topic must be given, got none"],
    ["pub", ["-t", "\x1b#"], 2, "without wildcards, got \\u{1b}#"],
    [
      "pub",
      ["-t", "a", "--message="],
      2,
      "--message must have a value, got none",
    ],
    ["pub", ["-t", "a", "-x"], 2, "got -x"],
    ["pub", ["-t", "a", "more"], 2, "got more"],
    [
      "pub",
      ["-t", "a", "--ca", "ca.pem"],
      2,
      "--connect must begin with mqtts:",
    ],
    [
      "pub",
      ["-t", "a", "-n", "-m", "b"],
      2,
      "--null must be without --message",
    ],
    ["pub", ["-t", "a", "--null=no"], 2, "--null must have no value, got no"],
    ["pub", ["-t", "a", "-r="], 2, '--retain must have no value, got ""'],
    ["pub", ["-t", "a", "-m", ""], 2, "--message must have a value, got none"],
    ["pub", ["-t", "a", "-u", "none"], 2, "--user must come with the variable"],
    ["pub", ["-t", "a", "-u", "ann"], 2, "--user must come with the variable"],
    ["pub", ["-t", "a", "--connect", "mqtt://x y"], 2, "--connect: "],
    ["pub", ["-t", "a", ...at(1)], 1, "connection refused"],
    ["sub", ["-t", "a", ...at(1)], 1, "connection refused"],
  ];
  await Promise.all(wrong.map(async ([name, args, code, said]) => {
    const ending = await runExample(`mqtt/${name}`, ...args);
    assertEquals([ending.code, ending.output], [code, ""], args.join(" "));
    assertStringIncludes(ending.errors, said);
    assertEquals(ending.errors.split("\n").length, 2, ending.errors);
  }));
});

Deno.test("mqtt/sub ends with one line where the broker breaks the protocol", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.accept();
    await peer.grant();
    await peer.socket.write(new Uint8Array([0x30, 3, 0, 1, 0x23]));
    await peer.rest().catch(() => {});
  });
  const ending = await runExample(
    "mqtt/sub",
    ...[...at(broker.port), "-t", "a"],
  );
  assertEquals([ending.code, ending.output], [1, ""]);
  assertMatch(
    ending.errors,
    /^Cannot accept a packet PUBLISH: .*topic without wildcards.*\n$/,
  );
});

Deno.test("mqtt/pub and mqtt/sub need their permissions, and say which", {
  timeout,
}, async () => {
  for (const name of ["mqtt/pub", "mqtt/sub"]) {
    const { code, errors } = await runWithoutPermissions(name, "-t", "a");
    assertEquals(code, 1);
    assertStringIncludes(errors, "--allow-net=127.0.0.1:1883");
  }
});
