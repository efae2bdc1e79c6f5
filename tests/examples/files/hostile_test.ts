import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, interval, serve, type Socket } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import type { OutgoingMessage } from "../../../examples/files/messages.ts";
import { Peer } from "../../../examples/files/peer.ts";
import { createAuthority } from "../../_support/certificates.ts";
import { Crowd } from "../_silent_crowd.ts";
import { freePort } from "../../_support/free_port.ts";
import { same, sha256, Workspace } from "./_workspace.ts";

const windows = Deno.build.os === "windows";
const timeout = 120_000;
const EMPTY = await sha256(new Uint8Array());

async function peerOf(address: string): Promise<Peer> {
  const port = Number(address.split(":")[1]);
  return new Peer(await connect({ port, idleMs: 60_000 }));
}

/** A server that answers each request as it likes. */
function hostileServer(
  answer: (peer: Peer, type: string) => Promise<void>,
) {
  const server = serve({ port: 0, onError: () => {} }, async (socket) => {
    const peer = new Peer(socket);
    for (let request; (request = await peer.receive()) !== null;) {
      await answer(peer, request.type);
    }
  });
  return {
    address: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** One that lists some entries, and has the contents "evil" for each. */
function listing(...entries: [path: string, size: bigint][]) {
  return hostileServer(async (peer, type) => {
    if (type === "list") {
      for (const [path, size] of entries) {
        await peer.send({ type: "entry", path, size });
      }
      return await peer.send({ type: "end", files: BigInt(entries.length) });
    }
    await peer.expect("resume");
    const evil = new TextEncoder().encode("evil");
    await peer.send({ type: "begin", from: 0n, size: 4n });
    await peer.sendChunk(new Uint8Array([0, 0, 0, 0, ...evil]), 4);
    await peer.sendChunk(new Uint8Array(4), 0);
    const digest = Uint8Array.fromHex(await sha256(evil));
    await peer.send({ type: "digest", sha256: digest });
    await peer.expect("stored");
  });
}

/** All files in a folder and below it. */
function filesIn(path: string, prefix = ""): string[] {
  return [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? filesIn(`${path}/${name}`, `${prefix}${name}/`)
      : [prefix + name]
  ).sort();
}

const LIES: [name: string, entries: [string, bigint][], why: RegExp][] = [
  [
    "files of the current folder",
    [["deno.json", 4n]],
    /lists deno\.json, which was not asked for/,
  ],
  [
    "hooks of a repository",
    [[".git/hooks/pre-commit", 4n]],
    /lists \.git\/hooks\/pre-commit, which was not asked for/,
  ],
  [
    "a neighbour, behind good files",
    [["photos/1", 4n], ["photos2/x", 4n]],
    /lists photos2\/x, which was not asked for/,
  ],
  [
    "a way out",
    [["photos/../deno.json", 4n]],
    /its path must be relative/,
  ],
  ["an absolute path", [["/etc/cron.d/x", 4n]], /its path must be relative/],
  [
    "a name that turns text around",
    [["photos/a\u202egpj.exe", 4n]],
    /photos\/a\\u\{202e\}gpj\.exe: its path must be/,
  ],
  [
    "a name that clears the terminal",
    [["photos/\x9b2J", 4n]],
    /photos\/\\u\{9b\}2J: its path must be/,
  ],
  [
    "a name with something invisible",
    [["photos/a\u200b", 4n]],
    /photos\/a\\u\{200b\}: its path must be/,
  ],
  [
    "a tree without an end",
    [["photos/" + "x/".repeat(500), 4n]],
    /its path must be .* levels/,
  ],
  ["one file twice", [["photos/1", 4n], ["photos/1", 4n]], /photos\/1 twice/],
  ["a size that cannot be", [["photos/1", 2n ** 62n]], /impossible size/],
  ["more than fits", [["photos/1", 2n ** 40n]], /allow it with --at-most/],
];

for (const [name, entries, why] of LIES) {
  Deno.test(`files/get believes no server that lists ${name}`, {
    timeout,
  }, async () => {
    await using space = await Workspace.create();
    await Deno.writeTextFile(`${space.path}/deno.json`, "{}");
    await using server = listing(...entries);
    const { code, output, errors } = await space.run(
      "get",
      "photos",
      "--connect",
      server.address,
    );
    assertEquals(code, 1);
    assertMatch(errors, why);
    assertMatch(output + errors, /^[\n -~…]*$/);
    assertEquals(filesIn(space.path), ["deno.json"]);
  });
}

Deno.test("files/get ends a list that does not", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  await using server = hostileServer(async (peer) => {
    for (let i = 0;; i++) {
      await peer.send({ type: "entry", path: `photos/${i}`, size: 1n });
    }
  });
  const { code, errors } = await space.run(
    "get",
    "photos",
    "--connect",
    server.address,
  );
  assertEquals(code, 1);
  assertMatch(errors, /lists more than can be/);
  assertEquals(filesIn(space.path), []);
});

Deno.test("files/serve takes nothing from web pages", { timeout }, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  // In the body a list is asked for, as a client would.
  const body = "\x00\x00\x00\x03\x03\x00\x00";
  for (const method of ["POST", "GET", "OPTIONS"]) {
    await using page = await connect({ port: Number(address.split(":")[1]) });
    await page.write(`${method} / HTTP/1.1\r\nHost: ${address}\r\n\r\n${body}`);
    const answer = await new Response(page.readable).text().catch(() => "");
    assertEquals(answer, "", method);
  }
  assertEquals((await space.run("list", "--connect", address)).code, 0);
});

Deno.test("files/get gives a file up that a server begins anew each time", {
  timeout,
}, async () => {
  let times = 0;
  await using space = await Workspace.create();
  await using server = hostileServer(async (peer, type) => {
    if (type === "list") {
      await peer.send({ type: "entry", path: "photos/1", size: 9n });
      return await peer.send({ type: "end", files: 1n });
    }
    times++;
    await peer.expect("resume");
    await peer.send({ type: "begin", from: 0n, size: 9n });
    // A byte of a chunk that never ends.
    await peer.sendChunk(new Uint8Array([0, 0, 0, 0, 1]), 1);
    await peer[Symbol.asyncDispose]();
  });
  const { address } = server;
  const { code, errors } = await space.run(
    "get",
    "photos",
    "--connect",
    address,
  );
  assertEquals([code, times], [1, 5], errors);
});

Deno.test("files/get takes no other size than was listed", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  await using server = listing(["photos/1", 3n]);
  const { code, errors } = await space.run(
    "get",
    "photos",
    "--connect",
    server.address,
  );
  assertEquals(code, 1);
  assertMatch(errors, /photos\/1: it is 4 bytes and not 3 as listed/);
  assertEquals(filesIn(space.path), []);
});

Deno.test("files/get shows why it was refused without what steers a terminal", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  await using server = hostileServer((peer) =>
    peer.send({ type: "refused", reason: "\x1b[2J\x9b\u202e\u200b!" })
  );
  const { errors } = await space.run("get", "a", "--connect", server.address);
  assertEquals(
    errors,
    "Cannot get a: \\u{1b}[2J\\u{9b}\\u{202e}\\u{200b}!\n",
  );
});

Deno.test("files/get replaces nothing unless it is told to", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const theirs = await space.write("shared/a", 1_000);
  const equal = await space.write("shared/b", 1_000);
  await space.write("shared/empty", 0);
  const mine = await space.write("received/a", 1_000);
  await Deno.writeFile(`${space.path}/received/b`, equal);
  await space.write("received/empty", 10);
  // Written in one millisecond with those of the server they would be unchanged.
  for (const name of ["a", "b"]) {
    await Deno.utime(`${space.path}/received/${name}`, 1, 1);
  }
  const args = ["a", "b", "empty", "--connect", address];
  const kept = await space.run("get", ...args);
  assertEquals(kept.code, 1);
  assertMatch(kept.errors, /^a: another file has its name here: --overwrite/m);
  assertMatch(kept.errors, /^empty: another file has its name here/m);
  assertMatch(kept.errors, /2 of 3 files not got\n$/);
  assertEquals(kept.output, `${await sha256(equal)}  b\n`);
  assert(same(await space.read("received/a"), mine));
  const replaced = await space.run("get", ...args, "--overwrite");
  assertEquals(replaced.code, 0, replaced.errors);
  assert(same(await space.read("received/a"), theirs));
  assertEquals((await space.read("received/empty"))?.length, 0);
});

Deno.test("files/ programs may read and write their own folders alone", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const command = async (name: string) => (await space.command(name)).join(" ");
  assertMatch(await command("serve"), /--allow-write=shared /);
  assertMatch(await command("get"), /--allow-write=received /);
  for (const name of ["serve", "get", "list", "send"]) {
    assert(!(await command(name)).includes("--allow-write=."), name);
  }
  const { code, errors } = await space.run("get", "a", "--into", "other");
  assertEquals(code, 1);
  assertEquals(
    errors,
    "Cannot write to other: run again with --allow-read=other --allow-write=other\n",
  );
  space.flags = ["--allow-read=other", "--allow-write=other"];
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("shared/a", 10);
  const into = ["--into", "other", "--connect", address];
  assertEquals((await space.run("get", "a", ...into)).code, 0);
  assertEquals(filesIn(space.path), ["other/a", "shared/a"]);
});

Deno.test("files/serve refuses a path of a thousand levels at once", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await using peer = await peerOf(address);
  const began = performance.now();
  await peer.send({ type: "put", path: "x/".repeat(1_000) + "f" });
  assertEquals((await peer.receive())?.type, "refused");
  const ms = performance.now() - began;
  assert(ms < 2_000, `${ms} ms`);
  assertEquals([...Deno.readDirSync(`${space.path}/shared`)], []);
});

Deno.test("files/serve lists a tree of a thousand levels to its end", {
  timeout,
  ignore: windows,
}, async () => {
  await using space = await Workspace.create();
  await Deno.mkdir(`${space.path}/shared${"/x".repeat(1_000)}`, {
    recursive: true,
  });
  await space.write("shared/x/x/a", 1);
  const { server, address } = await space.serve();
  await using _ = server;
  const { code, output } = await space.run("list", "--connect", address);
  assertEquals([code, output], [0, "              1  x/x/a\n"]);
});

Deno.test("a Peer that waits notices that the other side leaves", {
  timeout,
}, async () => {
  for (const leave of ["closeWrite", "abort"] as const) {
    const [left, right] = memoryPair();
    const peer = new Peer(left);
    const signal = peer.watch();
    const aborted = new Promise((resolve) =>
      signal.addEventListener("abort", resolve)
    );
    await Promise.all([right[leave](), aborted]);
    right.abort();
    peer.abort();
  }
  const [left, right] = memoryPair();
  const [peer, other] = [new Peer(left), new Peer(right)];
  const signal = peer.watch();
  await other.send({ type: "put", path: "a" });
  assertEquals(await peer.receive(), { type: "put", path: "a" });
  assert(!signal.aborted);
  peer.abort();
  other.abort();
});

Deno.test("files/serve has a place for a client while 200 stay silent", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("shared/a", 1);
  const port = Number(address.split(":")[1]);
  const silent: Socket[] = [];
  for (let i = 0; i < 400; i++) silent.push(await connect({ port }));
  const began = performance.now();
  const { code, output } = await space.run("list", "--connect", address);
  const ms = performance.now() - began;
  for (const each of silent) each.abort();
  assertEquals([code, output], [0, "              1  a\n"]);
  assert(ms < 10_000, `${ms} ms`);
});

Deno.test("files/serve has a place for a client while 500 never shake hands", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const authority = await createAuthority();
  const { cert, key } = await authority.issue();
  const texts = { ca: authority.cert, cert, key };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(`${space.path}/${name}.pem`, text);
  }
  const tls = ["--cert", "cert.pem", "--key", "key.pem"];
  const { server, address } = await space.serve(...tls);
  await using _ = server;
  await space.write("shared/a", 1);
  using _crowd = await Crowd.gather(Number(address.split(":")[1]), 500);
  const began = performance.now();
  const listed = await space.run(
    "list",
    ...["--connect", `tls://${address}`, "--ca", "ca.pem"],
  );
  assertEquals([listed.code, listed.output], [0, "              1  a\n"]);
  const ms = performance.now() - began;
  assert(ms < 9_000, `${ms} ms`);
});

Deno.test("files/serve has a place for a client while 200 read slowly", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("shared/big.bin", 20_000_000);
  const resume: OutgoingMessage = {
    type: "resume",
    from: 0n,
    sha256: Uint8Array.fromHex(EMPTY),
  };
  const slow: Peer[] = [];
  for (let i = 0; i < 200; i++) {
    const peer = await peerOf(address);
    slow.push(peer);
    await peer.send({ type: "get", path: "big.bin" });
    await peer.send(resume);
  }
  const began = performance.now();
  const got = await space.run("get", "big.bin", "--connect", address);
  const ms = performance.now() - began;
  for (const each of slow) each.abort();
  assertEquals(got.code, 0, got.errors);
  assert(ms < 30_000, `${ms} ms`);
});

Deno.test("files/serve takes a slow sender for what it is: not silent", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  const peer = await peerOf(address);
  await peer.send({ type: "put", path: "a" });
  await peer.expect("resume");
  await peer.send({ type: "begin", from: 0n, size: 100_000_000n });
  const over = new AbortController();
  // 20 KB a second: a buffer of the server takes thirteen seconds to fill.
  const sending = (async () => {
    for await (const _ of interval(100, { signal: over.signal })) {
      await peer.sendChunk(new Uint8Array(2_004), 2_000);
    }
  })();
  const stopped = sending.catch((error) => error);
  for (let i = 0; i < 2; i++) {
    await using other = await peerOf(address);
    await other.send({ type: "put", path: "a" });
    assertEquals((await other.receive())?.type, "refused");
  }
  over.abort();
  assertEquals((await stopped)?.name, "AbortError");
  peer.abort();
});

Deno.test(
  "files/serve takes no name that cannot be seen, and shows them in its log",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    const names = [
      "\x9b2J",
      "a\u202e",
      "a\u200b",
      "\u3164",
      "a\u034f",
      "e\u0301",
    ];
    for (const path of names) {
      for (const type of ["put", "get", "list"] as const) {
        await using peer = await peerOf(address);
        await peer.send({ type, path });
        assertEquals(
          (await peer.receive())?.type,
          "refused",
          `${type} ${path}`,
        );
      }
    }
    await server.printed(/refused: .*\\u\{9b\}2J/);
    await server.printed(/refused: .*a\\u\{202e\}/);
    server.interrupt();
    const { output, errors } = await server.ended();
    assertMatch((output + errors).replaceAll("e\u0301", ""), /^[\n -~]*$/);
    assertEquals(filesIn(space.path), []);
  },
);

Deno.test("files/send refuses two files of one name before it sends any", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const { server, address } = await space.serve();
  await using _ = server;
  await space.write("d/a.txt", 10);
  await space.write("e/a.txt", 10);
  await space.write("f/d", 10);
  const to = ["--connect", address];
  const twice = await space.run("send", "d/a.txt", "e/a.txt", ...to);
  assertEquals(twice.code, 1);
  assertMatch(
    twice.errors,
    /^Cannot send e\/a\.txt: .*d\/a\.txt and .*e\/a\.txt would both be a\.txt there\n$/,
  );
  const inside = await space.run("send", "d", "f/d", ...to);
  assertEquals(inside.code, 1);
  assertMatch(inside.errors, /f\/d would be the folder of .*d\/a\.txt there/);
  assertEquals(filesIn(`${space.path}/shared`), []);
  assertEquals((await space.run("send", "d", "e", ...to)).code, 0);
  assertEquals(filesIn(`${space.path}/shared`), ["d/a.txt", "e/a.txt"]);
});

Deno.test("files/send follows no link, also when it is given by name", {
  timeout,
  ignore: windows,
}, async () => {
  await using space = await Workspace.create();
  await space.write("secret", 10);
  await Deno.symlink(`${space.path}/secret`, `${space.path}/link`);
  const { code, errors } = await space.run("send", "link");
  assertEquals(code, 1);
  assertMatch(errors, /^Cannot send link: it is a link/);
});

Deno.test("files/send says at once that no server is there, and what to do", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  await space.write("a", 10);
  const args = ["send", "a", "--connect", `127.0.0.1:${freePort()}`];
  const began = performance.now();
  const { code, errors } = await space.run(args[0], ...args.slice(1));
  assert(performance.now() - began < 8_000);
  assertEquals(code, 1);
  assertMatch(errors, /^Cannot connect to .*; trying again\n/);
  assertMatch(
    errors,
    /run again, and what was cut off goes on where it stopped/,
  );
  assertMatch(errors, /1 of 1 file not sent\n$/);
});

Deno.test(
  "files/ programs give all of --limit to those files that are under way",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    await space.write("big.bin", 1_000_000);
    await space.write("small.bin", 1_000);
    for (const verb of ["send", "get"]) {
      const began = performance.now();
      const { code, errors } = await space.run(
        verb,
        "big.bin",
        "small.bin",
        "--limit",
        "500K",
        "--connect",
        address,
      );
      const seconds = (performance.now() - began) / 1000;
      assertEquals(code, 0, errors);
      // It took eight seconds with a quarter of the limit.
      assert(seconds > 1.8 && seconds < 6, `${verb}: ${seconds} s`);
    }
  },
);

Deno.test("files/ clients read --ca with their own permissions", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const authority = await createAuthority();
  const { cert, key } = await authority.issue();
  const texts = { ca: authority.cert, cert, key };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(`${space.path}/${name}.pem`, text);
  }
  const tls = ["--cert", "cert.pem", "--key", "key.pem"];
  const { server, address } = await space.serve(...tls);
  await using _ = server;
  await space.write("shared/a", 10);
  await space.write("b", 10);
  const to = ["--connect", `tls://${address}`, "--ca", "ca.pem"];
  for (const args of [["list"], ["get", "a"], ["send", "b"]]) {
    const { code, errors } = await space.run(args[0], ...args.slice(1), ...to);
    assertEquals(code, 0, errors);
  }
});

Deno.test("files/serve says in a line that a certificate is none", {
  timeout,
}, async () => {
  await using space = await Workspace.create();
  const authority = await createAuthority();
  const { cert } = await authority.issue();
  const { key } = await authority.issue();
  // No certificate, and one of another key.
  for (const texts of [["certificate", "key"], [cert, key]]) {
    await Deno.writeTextFile(`${space.path}/cert.pem`, texts[0]);
    await Deno.writeTextFile(`${space.path}/key.pem`, texts[1]);
    const { code, errors } = await space.run(
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--cert",
      "cert.pem",
      "--key",
      "key.pem",
    );
    assertEquals(code, 1);
    assertMatch(errors, /^Cannot [^\n]*\n$/);
  }
});
