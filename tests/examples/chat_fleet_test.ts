/**
 * The chat on many cores and many machines.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type Framed, framed, lines } from "@sluice/net";
import { withImportMap } from "../../tools/_command.ts";
import { exampleArguments } from "../../tools/_examples.ts";
import { findStdSource } from "../../tools/_std.ts";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { NatsServer } from "../_support/nats_server.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { Example, startServer } from "./_example.ts";
import { Attendant } from "./chat/_attendant.ts";

const windows = Deno.build.os === "windows";

/** Members, all of them through the same port. */
async function attend(
  stack: AsyncDisposableStack,
  port: number,
  count: number,
): Promise<Attendant[]> {
  const members: Attendant[] = [];
  for (let i = 0; i < count; i++) {
    members.push(stack.use(new Attendant(port, `m${i}`)));
    // A few at a time, as people come.
    if (i % 20 === 19) await allIn(members);
  }
  await allIn(members);
  return members;
}

async function allIn(members: Attendant[], times = 1): Promise<void> {
  for (const each of members) {
    await each.until("its place", () => each.entered >= times);
  }
}

Deno.test(
  "chat on two servers behind HAProxy: one is killed, and every line is accounted for",
  {
    ignore: windows || lacksPrograms("haproxy", "nats-server"),
    timeout: 120_000,
  },
  async () => {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await NatsServer.start());
    const flags = [
      ...["--nats", `127.0.0.1:${nats.port}`, "--trusted-proxy", "127.0.0.1"],
      ...["--rate", "1000", "--per-address", "1000", "--history", "50"],
    ];
    const doomed = await startServer("chat/server", ...flags);
    stack.use(doomed.server);
    const other = await startServer("chat/server", ...flags);
    stack.use(other.server);
    const front = freePort();
    const dir = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(dir, { recursive: true }));
    const check =
      "send-proxy-v2 check check-send-proxy inter 200 fall 1 rise 1";
    await Deno.writeTextFile(
      `${dir}/haproxy.cfg`,
      `
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout check 5s
  retries 3
  option redispatch 1
frontend front
  bind 127.0.0.1:${front}
  default_backend chat
backend chat
  balance roundrobin
  server doomed 127.0.0.1:${doomed.port} ${check}
  server other 127.0.0.1:${other.port} ${check}
`,
    );
    stack.use(start("haproxy", ["-db", "-f", `${dir}/haproxy.cfg`]));

    const members = await attend(stack, front, 200);
    const said: string[] = [];
    /** Each of some says a line, and waits until a server has it. */
    const round = async (speakers: Attendant[], name: string) => {
      await Promise.all(speakers.map(async (each) => {
        const line = `${name} of ${each.name}`;
        const { echoes, entered } = each;
        said.push(`${each.name}: ${line}`);
        await each.say(line);
        await each.until(
          `its own ${line}`,
          () => each.echoes > echoes || each.entered > entered,
        );
      }));
    };
    const speakers = members.slice(0, 10);
    for (let i = 0; i < 5; i++) await round(speakers, `before ${i}`);

    Deno.kill(doomed.server.pid, "SIGKILL");
    // Those of the other server go on meanwhile; the lines of some of the rest are lost.
    for (let i = 0; i < 3; i++) await round(speakers, `meanwhile ${i}`);
    const moved = () => members.filter(({ entered }) => entered > 1);
    const lost = "a server was lost: lines that were said last may be missing";
    for (const each of members) {
      await each.until(
        "news of the lost server",
        () => each.entered > 1 || each.notices.includes(`* ${lost}`),
      );
    }
    assert(moved().length >= 50, `${moved().length} have moved`);
    await round(speakers, "after");
    await round([speakers[0]], "the end");
    const end = said.at(-1)!;
    for (const each of members) {
      if (each !== speakers[0]) {
        await each.until(end, () => each.heard.includes(end));
      }
    }

    // What the other server knows of, each has heard, or was told the number of. What is
    // known to members of the lost one alone is what its notice is for.
    const stayed = members.filter(({ entered }) => entered === 1);
    const all = new Set(stayed.flatMap(({ heard }) => heard));
    for (const each of members) {
      assertEquals(new Set(each.heard).size, each.heard.length, "heard twice");
      const own = `${each.name}: `;
      const absent = [...all].filter((line) =>
        !line.startsWith(own) && !each.heard.includes(line)
      );
      assert(
        each.missing >= absent.length,
        `${each.name} was not told of ${absent.join(", ")}`,
      );
    }
    assert(all.size >= said.length - 10, `${all.size} of ${said.length}`);
  },
);

/** Starts the server with permissions beside its own, as `deno task examples` does. */
async function startPermitted(
  permissions: string[],
  ...args: string[]
): Promise<{ server: Example; port: number }> {
  const [run, ...rest] = withImportMap(
    await exampleArguments("chat/server", permissions),
    await findStdSource(),
  );
  const server = Example.spawn(Deno.execPath(), {
    args: [run, "--quiet", ...rest, ...args],
    cwd: new URL("../../", import.meta.url),
  });
  const [, port] = await server.printed(/on 127\.0\.0\.1:(\d+)/);
  return { server, port: Number(port) };
}

Deno.test(
  "chat --nats ends at Ctrl-C also while NATS is lost, and says that it is",
  {
    timeout: 60_000,
    ignore: lacksPrograms("nats-server"),
  },
  async () => {
    await using nats = await NatsServer.start();
    const { server } = await startPermitted(
      [],
      ...["--listen", "127.0.0.1:0", "--nats", `127.0.0.1:${nats.port}`],
    );
    await using _ = server;
    await nats.kill();
    await server.complained(/^NATS was lost; trying again$/m);
    await nats.start();
    await server.complained(/^NATS is back$/m);
    await nats.kill();
    await server.complained(/lost(.|\n)*lost/);
    server.interrupt();
    const { code, output } = await server.ended();
    assertEquals(code, 0);
    assertMatch(output, /drained: 0 finished, 0 cut off\n$/);
  },
);

Deno.test(
  "chat --workers: members of all workers hear each other, also when one has died",
  {
    ignore: Deno.build.os !== "linux", // To find the workers.
    timeout: 60_000,
  },
  async () => {
    const { server, port } = await startPermitted(
      [`--allow-run=${Deno.execPath()}`, "--allow-env"],
      ...["--listen", "127.0.0.1:0", "--workers", "2", "--rate", "1000"],
    );
    await using _ = server;
    await using stack = new AsyncDisposableStack();
    const members = await attend(stack, port, 20);
    const [ann, ...others] = members;
    const hello = await ann.sayForSure("hello");
    for (const each of others) {
      await each.until(hello, () => each.heard.includes(hello));
    }
    const tasks = `/proc/${server.pid}/task/${server.pid}/children`;
    const [worker] = (await Deno.readTextFile(tasks)).split(" ");
    Deno.kill(Number(worker), "SIGKILL");
    const again = await ann.sayForSure("still here");
    for (const each of others) {
      await each.until(again, () => each.heard.includes(again));
      assertEquals(new Set(each.heard).size, each.heard.length);
    }
    server.interrupt();
    const { output, errors } = await server.ended();
    assertMatch(output, /drained: \d+ finished, 0 cut off\n$/);
    // The supervisor may have been asked to end before it knew.
    const losses = new Set(errors.match(/^worker .*$/mg));
    losses.delete("worker 0 was lost: exited");
    assertEquals([...losses], []);
  },
);

Deno.test(
  "chat client speaks TLS, and comes back to a server that was killed",
  {
    timeout: 60_000,
  },
  async () => {
    const dir = await Deno.makeTempDir();
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(dir, { recursive: true }));
    const authority = await createAuthority();
    const { cert, key } = await authority.issue();
    const files = { cert, key, ca: authority.cert };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/${name}.pem`, text);
    }
    const flags = ["--cert", `${dir}/cert.pem`, "--key", `${dir}/key.pem`];
    const address = `127.0.0.1:${freePort()}`;
    const restart = () =>
      startPermitted(
        [`--allow-read=${dir}`],
        ...["--listen", address, ...flags],
      );
    const first = await restart();
    stack.use(first.server);
    const client = stack.use(
      Example.spawn(Deno.execPath(), {
        args: [
          ...withImportMap(
            await exampleArguments("chat/client", [`--allow-read=${dir}`]),
            await findStdSource(),
          ),
          ...["--connect", address, "--name", "ann", "--ca", `${dir}/ca.pem`],
          "--times",
        ],
        cwd: new URL("../../", import.meta.url),
      }),
    );
    await client.printed(/^\d\d:\d\d \* in lobby: ann$/m);
    Deno.kill(first.server.pid, "SIGKILL");
    await first.server.status();
    const second = await restart();
    stack.use(second.server);
    await client.printed(/\* welcome back, ann;/);
    await client.printed(/\* in lobby: ann\n(.|\n)*\* in lobby: ann\n/);
    const { code, errors } = await client.ended();
    assertEquals(
      [code, errors],
      [0, "* the connection was lost; trying to come back\n"],
    );
  },
);

Deno.test(
  "chat: ten readers that have stalled slow nobody, and are told what they have missed",
  {
    timeout: 60_000,
  },
  async () => {
    const { server, port } = await startServer(
      "chat/server",
      ...["--rate", "100000", "--queue", "100"],
    );
    await using _ = server;
    await using stack = new AsyncDisposableStack();
    const stalled: Framed<string>[] = [];
    for (let i = 0; i < 10; i++) {
      const reader = framed(stack.use(await connect({ port })), lines());
      await reader.sendAll([`stalled${i}`]);
      while (!/^\* in lobby/.test(await reader.receive() ?? "* in lobby"));
      stalled.push(reader);
    }
    const [ann, bob] = await attend(stack, port, 2);
    const rounds = 200;
    const more = Array(50).fill("x".repeat(900));
    for (let i = 0; i < rounds; i++) {
      // The next round is said when bob has heard this one: ten queues are full meanwhile.
      for (const line of more) await ann.say(line);
      await ann.say(`${i}`);
      await bob.until(`${i}`, () => bob.heard.at(-1) === `m0: ${i}`);
    }
    assertEquals(bob.heard.length, rounds * 51);
    assertEquals(bob.missing, 0);
    const last = `m0: ${rounds - 1}`;
    for (const reader of stalled) {
      let heard = 0;
      let missing = 0;
      for await (const line of reader) {
        const [, count] = /^\* (\d+) lines are missing/.exec(line) ?? [];
        missing += Number(count ?? 0);
        if (line.startsWith("m0: ")) heard++;
        if (line === last) break;
      }
      assert(missing > 0, "more was said than the system buffers for a reader");
      // Those who came after it may be among what is missing.
      const others = heard + missing - rounds * 51;
      assert(others >= 0 && others <= 12, `${others} lines too many`);
    }
  },
);
