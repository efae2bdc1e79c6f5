import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, interval, serve, type Socket } from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { canMount } from "./_full_disk.ts";
import { Peer } from "../../examples/files/peer.ts";
import { Example } from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";
import { same, sha256, Workspace } from "./files/_workspace.ts";

const windows = Deno.build.os === "windows";
const timeout = 120_000;

const MEGABYTE = 1_000_000;

function peerOf(address: string): Promise<Peer> {
  const port = Number(address.split(":")[1]);
  return connect({ port, idleMs: 20_000 }).then((socket) => new Peer(socket));
}

Deno.test("files/send and files/get carry folders there and back, whole", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const large = await space.write("photos/2024/large.bin", 3 * MEGABYTE + 1);
  await space.write("photos/empty", 0);
  await space.write("single file", 256 * 1024);

  const sent = await space.run(
    "send",
    "photos",
    "single file",
    "--connect",
    address,
  );
  assertEquals(sent.code, 0, sent.errors);
  assert(
    sent.output.includes(`${await sha256(large)}  photos/2024/large.bin\n`),
  );
  assertMatch(sent.errors, /^3 files, 3\.3 MB in [\d.]+ s, [\d.]+ MB\/s\n$/);

  const listed = await space.run("list", "--connect", address);
  assertEquals(
    listed.output,
    "        3000001  photos/2024/large.bin\n" +
      "              0  photos/empty\n" +
      "         262144  single file\n",
  );

  const got = await space.run(
    "get",
    "photos/",
    "single file",
    "--connect",
    address,
  );
  assertEquals(got.code, 0, got.errors);
  for (const path of ["photos/2024/large.bin", "photos/empty", "single file"]) {
    assert(
      same(await space.read(path), await space.read(`received/${path}`)),
      path,
    );
  }
  await server.printed(/gave photos\/2024\/large\.bin [0-9a-f]{64}/);
});

Deno.test("files/send prints what sha256sum checks", {
  timeout,
  ignore: lacksPrograms("sha256sum"),
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("a/b", 100_000);
  const { output } = await space.run("send", "a", "--connect", address);
  await Deno.writeTextFile(`${space.path}/sums`, output);
  const check = await new Deno.Command(program("sha256sum"), {
    args: ["--check", "../sums"],
    cwd: `${space.path}/shared`,
  }).output();
  assertEquals(new TextDecoder().decode(check.stdout), "a/b: OK\n");
});

/** Passes connections on, and cuts the first ones after some bytes each way. */
function cuttingProxy(address: string, cuts: number, bytes: number) {
  const port = Number(address.split(":")[1]);
  let passed = 0;
  const server = serve({ port: 0, onError: () => {} }, async (near) => {
    await using far = await connect({ port });
    let left = cuts-- > 0 ? bytes : Infinity;
    async function pump(from: Socket, to: Socket): Promise<void> {
      for await (const chunk of from) {
        passed += chunk.length;
        left -= chunk.length;
        if (left < 0) {
          near.abort();
          far.abort();
        }
        await to.write(chunk);
      }
      await to.closeWrite();
    }
    await Promise.all([pump(near, far), pump(far, near)]);
  });
  const { port: proxyPort } = server.addr;
  return {
    address: `127.0.0.1:${proxyPort}`,
    passed: () => passed,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

for (const [name, verb] of [["send", "send"], ["get", "get"]] as const) {
  Deno.test(`files/${name} goes on where a cut connection stopped`, {
    timeout,
  }, async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const size = 12 * MEGABYTE;
    const from = verb === "send" ? "big.bin" : "shared/big.bin";
    const to = verb === "send" ? "shared/big.bin" : "received/big.bin";
    const bytes = await space.write(from, size);
    await using proxy = cuttingProxy(address, 2, 4 * MEGABYTE);
    const { code, output, errors } = await space.run(
      verb,
      "big.bin",
      "--connect",
      proxy.address,
    );
    assertEquals(code, 0, errors);
    assertEquals(output, `${await sha256(bytes)}  big.bin\n`);
    assert(same(await space.read(to), bytes), "other bytes");
    // What was on its way when the connection broke is sent again, no more.
    assert(proxy.passed() < size + 9 * MEGABYTE, `${proxy.passed()} bytes`);
    const folder = `${space.path}/${to}`.replace(/\/[^/]*$/, "");
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert(!names.includes(".big.bin.part"), names.join());
  });
}

Deno.test("files/send goes on with the part of an earlier run", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const bytes = await space.write("big.bin", 5 * MEGABYTE);
  await Deno.writeFile(
    `${space.path}/shared/.big.bin.part`,
    bytes.subarray(0, 4 * MEGABYTE),
  );
  const { code, errors } = await space.run(
    "send",
    "big.bin",
    "--connect",
    address,
  );
  assertEquals(code, 0);
  assertMatch(errors, /^1 file, 1\.0 MB in/);
  assert(same(await space.read("shared/big.bin"), bytes), "other bytes");
});

Deno.test("files/send begins anew where the part is of another file", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const bytes = await space.write("big.bin", 2 * MEGABYTE);
  await space.write("shared/.big.bin.part", 1 * MEGABYTE);
  const { code, errors } = await space.run(
    "send",
    "big.bin",
    "--connect",
    address,
  );
  assertEquals(code, 0);
  assertMatch(errors, /^1 file, 2\.0 MB in/);
  assert(same(await space.read("shared/big.bin"), bytes), "other bytes");
});

Deno.test("files/serve keeps the old file until the new one is whole", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const old = await space.write("shared/a", 1_000);
  const peer = await peerOf(address);
  await peer.send({ type: "put", path: "a" });
  assertEquals((await peer.expect("resume")).from, 0n);
  await peer.send({ type: "begin", from: 0n, size: 2_000n });
  await peer.sendChunk(new Uint8Array(1_004), 1_000);
  assert(same(await space.read("shared/a"), old));
  await peer.sendChunk(new Uint8Array(1_004), 1_000);
  await peer.sendChunk(new Uint8Array(4), 0);
  // A wrong digest: nothing is kept.
  await peer.send({ type: "digest", sha256: new Uint8Array(32) });
  const refused = await peer.receive();
  assert(refused?.type === "refused");
  assertMatch(refused.reason, /SHA-256/);
  await peer[Symbol.asyncDispose]();
  assert(same(await space.read("shared/a"), old));
  assertEquals(await space.read("shared/.a.part"), undefined);
});

Deno.test(
  "files/serve lets no client into a file that another one is sending",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const peer = await peerOf(address);
    await peer.send({ type: "put", path: "a" });
    await peer.expect("resume");
    await peer.send({ type: "begin", from: 0n, size: 100_000_000n });
    const over = new AbortController();
    const sending = (async () => {
      // A buffer of the server must fill before it notices.
      const buffer = new Uint8Array(4 + 256 * 1024);
      for await (const _ of interval(300, { signal: over.signal })) {
        await peer.sendChunk(buffer, 256 * 1024);
      }
    })().catch(() => {});
    await using other = await peerOf(address);
    await other.send({ type: "put", path: "a" });
    const refused = await other.receive();
    over.abort();
    await sending;
    peer.abort();
    assertEquals(refused, {
      type: "refused",
      reason: "another client is sending it",
    });
  },
);

Deno.test("files/serve lets one go on that was cut off without a word", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  // To the server this connection looks alive.
  const lost = await peerOf(address);
  await lost.send({ type: "put", path: "a" });
  await lost.expect("resume");
  await lost.send({ type: "begin", from: 0n, size: 1_000n });
  await using peer = await peerOf(address);
  await peer.send({ type: "put", path: "a" });
  await peer.expect("resume");
  lost.abort();
});

Deno.test("files/serve writes nothing outside its folder", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  if (!windows) await Deno.symlink(space.path, `${space.path}/shared/up`);
  const paths = ["../x", "/tmp/x", "a/../../x", "..", "", "x\0", ".x.part"];
  for (const path of windows ? paths : [...paths, "up/x", "up"]) {
    for (const type of ["put", "get"] as const) {
      await using peer = await peerOf(address);
      await peer.send({ type, path });
      assertEquals((await peer.receive())?.type, "refused", `${type} ${path}`);
    }
  }
  const names = Array.from(Deno.readDirSync(space.path), ({ name }) => name);
  assertEquals(names, ["shared"]);
});

Deno.test("files/serve refuses when its disk is full, and keeps the part", {
  timeout,
  ignore: !canMount(),
}, async () => {
  await using space = await Workspace.create();
  await space.write("big.bin", 4 * MEGABYTE);
  const [command, ...args] = await space.command(
    "serve",
    "shared",
    "--listen",
    "127.0.0.1:0",
  );
  await using server = Example.spawn("unshare", {
    args: [
      "-rm",
      "sh",
      "-c",
      'mount -t tmpfs -o size=2m tmpfs shared && exec "$@"',
      "sh",
      command,
      ...args,
    ],
    cwd: space.path,
  });
  const [, address] = await server.printed(/on (127\.0\.0\.1:\d+)/);
  const { code, errors } = await space.run(
    "send",
    "big.bin",
    "--connect",
    address,
  );
  assertEquals(code, 1);
  assertMatch(
    errors,
    /^big\.bin: the disk is full; what has come is kept: make room/,
  );
  await using peer = await peerOf(address);
  await peer.send({ type: "put", path: "big.bin" });
  const { from } = await peer.expect("resume");
  assert(from > MEGABYTE && from <= 2 * 1024 * 1024, `${from} bytes are kept`);
});

Deno.test("files/get says when its disk is full, and keeps the part", {
  timeout,
  ignore: !canMount(),
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("shared/big.bin", 4 * MEGABYTE);
  await Deno.mkdir(`${space.path}/received`);
  const [command, ...args] = await space.command(
    "get",
    "big.bin",
    "--connect",
    address,
  );
  await using client = Example.spawn("unshare", {
    args: [
      "-rm",
      "sh",
      "-c",
      'mount -t tmpfs -o size=2m tmpfs received && "$@"; ls -A received',
      "sh",
      command,
      ...args,
    ],
    cwd: space.path,
  });
  const { output, errors } = await client.ended();
  assertMatch(errors, /^big\.bin: the disk is full; what has come is kept/);
  assertMatch(errors, /1 of 1 file not got\n$/);
  assertEquals(output, ".big.bin.part\n");
});

Deno.test("files/send keeps to its bandwidth", { timeout }, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("a.bin", 1 * MEGABYTE);
  const start = performance.now();
  const args = ["--limit", "1M", "--parallel", "1"];
  const { code } = await space.run(
    "send",
    "a.bin",
    "--connect",
    address,
    ...args,
  );
  const seconds = (performance.now() - start) / 1000;
  assertEquals(code, 0);
  assert(seconds > 0.9, `a megabyte took ${seconds} s`);
});

Deno.test("files/send speaks TLS, and trusts only whom it is told to", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const authority = await createAuthority();
  const { cert, key } = await authority.issue();
  for (
    const [name, text] of Object.entries({ ca: authority.cert, cert, key })
  ) {
    await Deno.writeTextFile(`${space.path}/${name}.pem`, text);
  }
  const { server, address } = await space.serve(
    "--cert",
    "cert.pem",
    "--key",
    "key.pem",
  );
  await using _ = server;
  const bytes = await space.write("a.bin", MEGABYTE);
  const args = ["send", "a.bin", "--connect", `tls://${address}`];
  const trusted = await space.run(args[0], ...args.slice(1), "--ca", "ca.pem");
  assertEquals(trusted.code, 0, trusted.errors);
  assert(same(await space.read("shared/a.bin"), bytes));
  const stranger = await space.run(args[0], ...args.slice(1));
  assertEquals(stranger.code, 1);
  assertMatch(stranger.errors, /a\.bin: .*(certificate|UnknownIssuer)/i);
});

Deno.test("files/serve goes on after garbage, resets and readers that stall", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("shared/big.bin", 8 * MEGABYTE);
  const port = Number(address.split(":")[1]);
  for (
    const text of ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\x05hello", "\0\0\0\0"]
  ) {
    await using client = await connect({ port });
    await client.write(text);
    assertEquals(await client.read().catch(() => null), null);
  }
  await using stalled = await peerOf(address);
  await stalled.send({ type: "get", path: "big.bin" });
  await stalled.send({ type: "resume", from: 0n, sha256: new Uint8Array(32) });
  await stalled.expect("begin");
  const huge = await peerOf(address);
  await huge.send({ type: "put", path: "x" });
  await huge.expect("resume");
  await huge.send({ type: "begin", from: 0n, size: 2n ** 60n });
  const buffer = new Uint8Array(4);
  new DataView(buffer.buffer).setUint32(0, 0xffff_ffff);
  await huge.sendChunk(buffer, 0);
  huge.abort();
  for (let i = 0; i < 10; i++) (await peerOf(address)).abort();
  const { code, output } = await space.run("list", "--connect", address);
  assertEquals([code, output], [0, "        8000000  big.bin\n"]);
  stalled.abort();
});

Deno.test(
  "files/serve drains at Ctrl-C",
  { timeout, ignore: windows },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const peer = await peerOf(address);
    await peer.send({ type: "put", path: "a" });
    await peer.expect("resume");
    await peer.send({ type: "begin", from: 0n, size: 3n });
    const idle = await peerOf(address);
    await idle.send({ type: "list", path: "" });
    await idle.expect("end"); // It was accepted.
    server.interrupt();
    // Who is waiting is told to leave, who is sending may finish.
    assertEquals(await idle.receive(), null); // And does not: it is not waited for.
    await peer.sendChunk(new Uint8Array([0, 0, 0, 0, 97, 98, 99]), 3);
    await peer.sendChunk(new Uint8Array(4), 0);
    const abc = new TextEncoder().encode("abc");
    const digest = Uint8Array.fromHex(await sha256(abc));
    await peer.send({ type: "digest", sha256: digest });
    await peer.expect("stored");
    await peer[Symbol.asyncDispose]();
    const { code, output } = await server.ended();
    assertMatch(
      output,
      /^waiting for 2 connections to end; Ctrl-C again cuts off the rest$/m,
    );
    assertMatch(output, /drained: 2 finished, 0 cut off\n$/);
    idle.abort();
    assertEquals(code, 0);
    assert(same(await space.read("shared/a"), abc));
  },
);

Deno.test("files/ programs say which permissions are missing", {
  timeout,
}, async () => {
  const cases: [name: string, args: string[], line: string][] = [
    [
      "serve",
      ["tests"],
      "Cannot listen on 127.0.0.1:8890, serve tests: run again with --allow-net=127.0.0.1:8890 --allow-read=tests --allow-write=tests\n",
    ],
    [
      "send",
      ["a", "b"],
      "Cannot connect to 127.0.0.1:8890, send a, b: run again with --allow-net=127.0.0.1:8890 --allow-read=a,b\n",
    ],
    [
      "get",
      ["a"],
      "Cannot connect to 127.0.0.1:8890, write to received: run again with --allow-net=127.0.0.1:8890 --allow-read=received --allow-write=received\n",
    ],
    [
      "list",
      [],
      "Cannot connect to 127.0.0.1:8890: run again with --allow-net=127.0.0.1:8890\n",
    ],
  ];
  for (const [name, args, line] of cases) {
    const { code, errors } = await runWithoutPermissions(
      `files/${name}`,
      ...args,
    );
    assertEquals([code, errors], [1, line]);
  }
});

Deno.test(
  "files/send and files/get say with --dry-run what they would do, and do not",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    await space.write("photos/a.raw", 1_500);
    await space.write("photos/b.raw", 20);
    const at = ["--connect", address];
    assertEquals(await space.run("send", "photos", "--dry-run", ...at), {
      code: 0,
      output: "           1500  photos/a.raw\n             20  photos/b.raw\n",
      errors: "2 files, 1.5 kB would be sent\n",
    });
    assertEquals(await space.read("shared/photos/a.raw"), undefined);

    await space.write("shared/c.raw", 7);
    assertEquals(await space.run("get", "c.raw", "--dry-run", ...at), {
      code: 0,
      output: "              7  c.raw\n",
      errors: "1 file, 7 B would be got\n",
    });
    assertEquals(await space.read("received/c.raw"), undefined);
  },
);

Deno.test({
  name: "files/send names what it cannot send, sends the rest, and fails",
  ignore: Deno.build.os === "windows",
  timeout,
  async fn() {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const deep = "photos" + "/d".repeat(32);
    for (const name of ["photos/a", "photos/b:c", `${deep}/e`]) {
      await space.write(name, 1);
    }
    for (const more of [[], ["--dry-run"]]) {
      const at = ["--connect", address, ...more];
      const { code, errors } = await space.run("send", "photos", ...at);
      assertEquals(code, 1);
      const lines = errors.split("\n").filter((line) => line.includes("left"));
      assertEquals(lines, [
        "photos/b:c: left out, not every system takes its name",
        `${deep}: left out, it is too deep`,
        "2 files and folders left out",
      ]);
    }
    assert(await space.read("shared/photos/a") !== undefined);
  },
});

Deno.test("files/ programs refuse wrong flags and missing files in one line", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  await Deno.rename(`${space.path}/shared`, `${space.path}/folder`);
  const cases: [args: string[], code: number, line: RegExp][] = [
    [
      ["serve", "shared", "shared"],
      2,
      /^Cannot serve: DIR must be one folder, got 2$/,
    ],
    [["serve", "none"], 1, /run again with --allow-read=none --allow-write/],
    [["serve"], 1, /^Cannot serve: there is no folder shared$/],
    [["serve", "shared", "--cert", "x"], 2, /^Cannot speak TLS: --cert and/],
    [["send"], 2, /^Cannot send: PATH must be at least one file/],
    ...["serve", "send", "get", "list"].map((
      verb,
    ): [string[], number, RegExp] => [
      [verb, ""],
      2,
      new RegExp(`^Cannot ${verb}: a path must not be empty, got ""$`),
    ]),
    [["send", "none"], 1, /^Cannot send none: there is no such file$/],
    [
      ["send", "folder", "--limit", "fast"],
      2,
      /^Cannot run: --limit must be/,
    ],
    [["get", "a", "--parallel", "99"], 2, /^Cannot run: --parallel must be/],
    [["list", "--ca", "x"], 2, /^Cannot trust --ca: --connect must begin/],
    [
      ["list", "--connect", "127.0.0.1:1"],
      1,
      /; trying again\nCannot list the files: Cannot connect/,
    ],
  ];
  for (const [[name, ...args], code, line] of cases) {
    const ending = await space.run(name, ...args);
    assertMatch(ending.errors.trimEnd(), line);
    assertEquals(ending.code, code, ending.errors);
  }
});

Deno.test({
  name: "files/get and files/serve say what is in their way",
  ignore: Deno.build.os === "windows",
  timeout,
  async fn() {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const at = ["--connect", address];
    await space.write("shared/a", 5);
    await Deno.mkdir(`${space.path}/received/a`, { recursive: true });
    const taken = await space.run("get", "a", ...at);
    assertMatch(
      taken.errors,
      /^a: something that is not a file has its name$/m,
    );

    await Deno.rename(`${space.path}/received`, `${space.path}/real`);
    await Deno.symlink("real", `${space.path}/received`);
    const real = `${space.path}/real`;
    const linked = await space.run("get", "a", ...at);
    assertEquals(
      linked.errors,
      "Cannot get a: Cannot write to " +
        `${real}: run again with --allow-read=${real} --allow-write=${real}\n`,
    );

    await Deno.rename(`${space.path}/shared`, `${space.path}/gone`);
    await space.write("b", 5);
    const lost = await space.run("send", "b", ...at);
    assertMatch(lost.errors, /^b: the folder that it belongs into is gone$/m);
    await Deno.symlink("gone", `${space.path}/shared`);
    const gone = `${space.path}/gone`;
    const serving = await space.run("serve", "--listen", "127.0.0.1:0");
    assertEquals(
      serving.errors,
      "Cannot serve " +
        `${gone}: run again with --allow-read=${gone} --allow-write=${gone}\n`,
    );
  },
});

Deno.test({
  name: "files/serve speaks TLS over a Unix socket, too, and takes no other's",
  ignore: Deno.build.os === "windows",
  timeout,
  async fn() {
    await using space = await Workspace.create();
    const path = `${space.path}/s\u202e.sock`;
    const shown = `unix:${space.path}/s\\u{202e}.sock`;
    const paths = `${path},${space.path}/cert.pem,${space.path}/key.pem`;
    space.flags = [
      `--allow-read=${paths}`,
      `--allow-write=${path}`,
      `--allow-net=unix:${path}`,
    ];
    const authority = await createAuthority();
    const { cert, key } = await authority.issue();
    await Deno.writeTextFile(`${space.path}/cert.pem`, cert);
    await Deno.writeTextFile(`${space.path}/key.pem`, key);
    const args = ["shared", "--listen", `unix:${path}`];
    await using server = await space.start(
      "serve",
      ...args,
      ...["--cert", "cert.pem", "--key", "key.pem"],
    );
    assertEquals(
      (await server.printed(/^serving.*\n/))[0],
      `serving shared on ${shown}\n`,
    );
    const caCerts = [authority.cert];
    using _ = await connect({
      path,
      tls: { caCerts, serverName: "localhost" },
    });
    assertEquals(await space.run("serve", ...args), {
      code: 1,
      output: "",
      errors: `Cannot listen on ${shown}: address already in use ` +
        "(something is listening there)\n",
    });
  },
});
