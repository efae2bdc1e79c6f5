import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "@sluice/net";
import {
  attributesOf,
  isUnchanged,
  permitted,
} from "../../../examples/files/attributes.ts";
import { Peer } from "../../../examples/files/peer.ts";
import { same, sha256, Workspace } from "./_workspace.ts";

const windows = Deno.build.os === "windows";
const timeout = 120_000;
const THEN = new Date("2001-02-03T04:05:06.789Z");

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o7777;
}

function timeOf(path: string): Date {
  return Deno.statSync(path).mtime!;
}

Deno.test("permitted() takes no permission that a new file has not, but to run it", () => {
  // A new file of most users, and of careful ones.
  for (
    const [ofNew, wanted, given] of [
      [0o644, 0o755, 0o755],
      [0o644, 0o777, 0o755],
      [0o644, 0o7777, 0o755],
      [0o644, 0o666, 0o644],
      [0o644, 0o400, 0o600],
      [0o644, 0, 0o600],
      [0o600, 0o7777, 0o700],
      [0o600, 0o644, 0o600],
      [0o664, 0o775, 0o775],
    ]
  ) assertEquals(permitted(ofNew, wanted), given, wanted.toString(8));
});

Deno.test(
  "files/send and files/get keep times and modes, and skip what is unchanged",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const to = ["--connect", address];
    await space.write("bin/run", 1_000);
    await space.write("bin/secret", 2_000);
    const path = (name: string) => `${space.path}/${name}`;
    for (const name of ["run", "secret"]) {
      await Deno.utime(path(`bin/${name}`), THEN, THEN);
    }
    if (!windows) {
      await Deno.chmod(path("bin/run"), 0o4755);
      await Deno.chmod(path("bin/secret"), 0o600);
    }
    const isKept = (folder: string) => {
      assertEquals(timeOf(path(`${folder}/run`)), THEN);
      assertEquals(timeOf(path(`${folder}/secret`)), THEN);
      if (windows) return;
      const mode = modeOf(path(`${folder}/run`));
      assertEquals(mode & 0o100, 0o100, mode.toString(8));
      assertEquals(mode & 0o7022, 0, mode.toString(8));
      assertEquals(modeOf(path(`${folder}/secret`)), 0o600);
    };

    const sent = await space.run("send", "bin", ...to);
    assertMatch(sent.errors, /^2 files, 3\.0 kB in [^;]*\n$/);
    isKept("shared/bin");
    const got = await space.run("get", "bin", ...to);
    assertMatch(got.errors, /^2 files, 3\.0 kB in [^;]*\n$/);
    isKept("received/bin");

    for (const program of ["send", "get"]) {
      const again = await space.run(program, "bin", ...to);
      assertEquals([again.code, again.output], [0, ""], program);
      assertMatch(again.errors, /^0 files, 0 B in .*; 2 files unchanged\n$/);
      // Told to, it looks at the contents.
      const all = await space.run(program, "bin", "--again", ...to);
      assertEquals(all.output.match(/^[0-9a-f]{64} {2}bin\//gm)?.length, 2);
      assertMatch(all.errors, /^2 files, [^;]*\n$/);
    }

    // One file is changed: it is sent, and got, and the other is not.
    const other = await space.write("bin/run", 1_000);
    const changed = await space.run("send", "bin", ...to);
    assertEquals(changed.output, `${await sha256(other)}  bin/run\n`);
    assertMatch(changed.errors, /^1 file, 1\.0 kB in .*; 1 file unchanged\n$/);
    const newer = await space.run("get", "bin", "--overwrite", ...to);
    assertEquals(newer.output, changed.output);
    assertMatch(newer.errors, /^1 file, 1\.0 kB in .*; 1 file unchanged\n$/);
    assert(same(await space.read("received/bin/run"), other));
  },
);

Deno.test(
  "files/serve takes no setuid bit, no wider mode and no odd time from a client",
  {
    timeout,
    ignore: windows,
  },
  async () => {
    await using space = await Workspace.create();
    const { server, address } = await space.serve();
    await using _ = server;
    const plain = `${space.path}/plain`;
    await Deno.writeTextFile(plain, "");
    const usual = modeOf(plain);
    const peer = new Peer(
      await connect({ port: Number(address.split(":")[1]), idleMs: 60_000 }),
    );
    const offer = {
      type: "offer" as const,
      path: "a",
      size: 0n,
      modifiedMs: 2n ** 63n,
      mode: 0o7777,
      again: 0,
    };
    const send = async () => {
      await peer.expect("resume");
      await peer.send({ type: "begin", from: 0n, size: 0n });
      await peer.sendChunk(new Uint8Array(4), 0);
      const digest = Uint8Array.fromHex(await sha256(new Uint8Array()));
      await peer.send({ type: "digest", sha256: digest });
      await peer.expect("stored");
    };
    await peer.send(offer);
    await send();
    const path = `${space.path}/shared/a`;
    assertEquals(modeOf(path), usual | (usual & 0o444) >> 2);
    assert(timeOf(path).getTime() <= Date.now() + 10_000);

    // A mode that would lock its owner out, and a time that is none.
    await peer.send({ ...offer, modifiedMs: 0n, mode: 0o001 });
    await send();
    assertEquals(modeOf(path), 0o601 & (usual | 0o111));

    // A link is not what the client has, wherever it leads.
    const outside = `${space.path}/outside`;
    await Deno.writeTextFile(outside, "");
    await Deno.utime(outside, THEN, THEN);
    const before = modeOf(outside);
    await Deno.symlink(outside, `${space.path}/shared/link`);
    const time = BigInt(THEN.getTime());
    await peer.send({ ...offer, path: "link", modifiedMs: time });
    assertEquals((await peer.receive())?.type, "refused");
    assertEquals(modeOf(outside), before);
    await peer[Symbol.asyncDispose]();
  },
);

Deno.test(
  "files/get takes no setuid bit from a server, nor a list of attributes alone",
  {
    timeout,
  },
  async () => {
    await using space = await Workspace.create();
    const evil = new TextEncoder().encode("evil");
    let twice = false;
    await using server = serve(
      { port: 0, onError: () => {} },
      async (socket) => {
        const peer = new Peer(socket);
        for (let request; (request = await peer.receive()) !== null;) {
          const attributes = {
            type: "attributes" as const,
            modifiedMs: BigInt(THEN.getTime()),
            mode: 0o6777,
          };
          if (request.type === "list") {
            if (twice) await peer.send(attributes);
            await peer.send(attributes);
            await peer.send({ type: "entry", path: "a", size: 4n });
            await peer.send({ type: "end", files: 1n });
            continue;
          }
          await peer.expect("resume");
          await peer.send({ type: "begin", from: 0n, size: 4n });
          await peer.sendChunk(new Uint8Array([0, 0, 0, 0, ...evil]), 4);
          await peer.sendChunk(new Uint8Array(4), 0);
          const digest = Uint8Array.fromHex(await sha256(evil));
          await peer.send({ type: "digest", sha256: digest });
          await peer.expect("stored");
        }
      },
    );
    const to = ["--connect", `127.0.0.1:${server.addr.port}`];
    assertEquals((await space.run("get", "a", ...to)).code, 0);
    const path = `${space.path}/received/a`;
    assertEquals(timeOf(path), THEN);
    if (!windows) assertEquals(modeOf(path) & 0o7022, 0);
    twice = true;
    const { code, errors } = await space.run("get", "b", ...to);
    assertEquals(code, 1);
    assertMatch(errors, /^Cannot get b: the server ended its list too early/);
  },
);

Deno.test("attributesOf() tells permissions alone, and no time that is none", () => {
  assertEquals(attributesOf({ mtime: THEN, mode: 0o104_755 }), {
    modifiedMs: BigInt(THEN.getTime()),
    mode: 0o755,
  });
  const none = { modifiedMs: 0n, mode: 0 };
  assertEquals(attributesOf({ mtime: null, mode: null }), none);
  assertEquals(attributesOf({ mtime: new Date(-1), mode: null }), none);
});

Deno.test("isUnchanged() compares kind, size and time, and knows no time 0", () => {
  const here = { isFile: true, size: 3, mtime: THEN };
  const there = { size: 3, modifiedMs: BigInt(THEN.getTime()) };
  assert(isUnchanged(here, there));
  assert(!isUnchanged({ ...here, isFile: false }, there));
  assert(!isUnchanged({ ...here, size: 4 }, there));
  assert(!isUnchanged({ ...here, mtime: new Date(1) }, there));
  assert(!isUnchanged({ ...here, mtime: null }, there));
  assert(!isUnchanged(here, { ...there, modifiedMs: there.modifiedMs + 1n }));
  const epoch = { ...here, mtime: new Date(0) };
  assert(!isUnchanged(epoch, { ...there, modifiedMs: 0n }));
});
