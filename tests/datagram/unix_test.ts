import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokenError } from "@sluice/net";
import { struct, u16 } from "@sluice/net/codec";
import {
  connectDatagram,
  datagram,
  packetsOf,
  serveDatagrams,
} from "@sluice/net/datagram";
import { hasFlag, soon, textOf, until } from "./_backends.ts";

/** Defines a test where there are Unix sockets for datagrams. */
function testUnix(
  title: string,
  body: (folder: string) => Promise<void>,
): void {
  Deno.test(title, {
    ignore: !hasFlag || Deno.build.os === "windows",
    timeout: 30_000,
  }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "sluice-" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Whether there is a file. */
const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);

testUnix(
  "Unix datagrams go both ways, also while both sides receive",
  async (folder) => {
    await using left = await datagram({ path: `${folder}/left` });
    await using right = await datagram({ path: `${folder}/right` });
    assertEquals(left.localAddr, {
      transport: "unixpacket",
      path: `${folder}/left`,
    });
    const echoing = (async () => {
      for await (const { data, from } of right) await right.send(data, from);
    })();
    const receiving = left.receive(soon);
    // Side by side, in order.
    await Promise.all(
      ["one", "two", ""].map((text) =>
        left.send(text, { path: `${folder}/right` })
      ),
    );
    const first = await receiving;
    assertEquals([textOf(first), first!.from.path], ["one", `${folder}/right`]);
    assertEquals(textOf(await left.receive(soon)), "two");
    assertEquals(textOf(await left.receive(soon)), "");
    await right.close();
    await echoing;
  },
);

testUnix(
  "Unix datagrams above the limit are dropped and counted",
  async (folder) => {
    const path = `${folder}/a`;
    await using socket = await datagram({ path, maxDatagramBytes: 70_000 });
    await socket.send(new Uint8Array(70_001), { path });
    await socket.send(new Uint8Array(70_000), { path });
    assertEquals((await socket.receive(soon))!.data.length, 70_000);
    assertEquals(socket.stats.oversize, 1);
    const error = await assertRejects(
      () => socket.send(new Uint8Array(4_000_000), { path }),
      BrokenError,
      `Cannot send to unix:${path}: message too long`,
    );
    assertEquals(error.reason, "other");
  },
);

testUnix(
  "a Unix socket says who is not there, and who cannot be answered",
  async (folder) => {
    const path = `${folder}/a`;
    await using socket = await datagram({ path });
    const none = await assertRejects(
      () => socket.send("x", { path: `${folder}/none` }),
      BrokenError,
      "no such path",
    );
    assertEquals(none.reason, "not-found");
    await assertRejects(
      () => socket.send("x", { path: "" }),
      BrokenError,
      "not bound to a path, and cannot be answered",
    );
    // It is still good.
    await socket.send("x", { path });
    assertEquals(textOf(await socket.receive(soon)), "x");
  },
);

testUnix(
  "the file of a Unix socket goes with it, and no other's",
  async (folder) => {
    const path = `${folder}/a`;
    const socket = await datagram({ path });
    assert(await exists(path));
    const used = await assertRejects(() => datagram({ path }), BrokenError);
    assertEquals(used.reason, "in-use");
    assert(await exists(path));
    await socket.close();
    assertEquals(await exists(path), false);

    const other = await datagram({ path });
    await Deno.remove(path);
    await Deno.writeTextFile(path, "not yours");
    await other.close();
    assertEquals(await Deno.readTextFile(path), "not yours");
  },
);

testUnix("requests work over Unix sockets, again and again", async (folder) => {
  const pair = struct({ id: u16, number: u16 });
  const path = `${folder}/server`;
  await using server = await datagram({ path });
  let dropped = 0;
  const serving = serveDatagrams(
    packetsOf(server, pair),
    ({ frame }) =>
      dropped++ < 3 ? undefined : { ...frame, number: frame.number + 1 },
  );
  await using peer = await connectDatagram({
    path,
    localPath: `${folder}/client`,
  });
  const pairs = packetsOf(peer, pair);
  const numbers = await Promise.all([1, 2, 3, 4, 5].map(async (id) => {
    const answer = await pairs.request({ id, number: id * 10 }, {
      accept: (frame) => frame.id === id,
      retransmitMs: 5,
      attempts: 10,
    });
    return answer.number;
  }));
  assertEquals(numbers, [11, 21, 31, 41, 51]);
  await using stranger = await datagram({ path: `${folder}/stranger` });
  await stranger.send("spoofed", peer.localAddr);
  await until(() => peer.stats.ignored >= 1);
  await server.close();
  await serving;
});

testUnix(
  "a receiver that takes nothing holds up no other, and what is sent to it fails",
  async (folder) => {
    const stuck = { path: `${folder}/stuck` };
    const receiver = Deno.listenDatagram({ transport: "unixpacket", ...stuck });
    await using other = await datagram({ path: `${folder}/other` });
    await using socket = await datagram({ path: `${folder}/socket` });
    let sent = 0;
    const refused = async () => {
      // The system takes some before it makes a sender wait.
      for (;; sent++) await socket.send(new Uint8Array([sent]), stuck, soon);
    };
    const error = await assertRejects(refused, BrokenError);
    assertEquals(error.reason, "exhausted");
    assertEquals(
      error.message,
      `Cannot send to unix:${stuck.path}: its receiver takes nothing (as many datagrams as the system keeps wait for it)`,
    );
    await assertRejects(() => socket.send("again", stuck), BrokenError);
    // From the same address, to which the answer comes.
    await socket.send("hello", other.localAddr);
    const received = await other.receive(soon);
    assertEquals(received!.from, socket.localAddr);
    await other.send("yes", received!.from);
    assertEquals(textOf(await socket.receive(soon)), "yes");
    // What waited is on its way still, as it was when it was given up.
    for (let count = 0; count <= sent; count++) {
      assertEquals((await receiver.receive())[0], new Uint8Array([count]));
    }
    const free = async () => {
      await socket.send("free", stuck);
      assertEquals(textOf({ data: (await receiver.receive())[0] }), "free");
    };
    while (await free().then(() => false, () => true));
    receiver.close();
  },
);

testUnix(
  "a request whose receiver takes nothing at first is answered later",
  async (folder) => {
    const path = `${folder}/busy`;
    const receiver = Deno.listenDatagram({ transport: "unixpacket", path });
    await using peer = await connectDatagram({
      path,
      localPath: `${folder}/peer`,
    });
    const fill = async () => {
      for (;;) await peer.send("full", soon);
    };
    await assertRejects(fill, BrokenError, "takes nothing");
    const answer = peer.request("?", {
      accept: () => true,
      attempts: 10,
      retransmitMs: 5,
      ...soon,
    });
    // It is refused at once.
    await new Promise((resolve) => setTimeout(resolve));
    let query;
    do query = await receiver.receive(); while (
      textOf({ data: query[0] }) !== "?"
    );
    await receiver.send(new Uint8Array([7]), query[1]);
    assertEquals(await answer, new Uint8Array([7]));
    receiver.close();
  },
);
