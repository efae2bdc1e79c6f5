/**
 * Programs that nothing of ours is in: Python's sockets, an NTP server, and `logger`.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { BrokenError } from "@sluice/net";
import { bits, bytes, i8, struct, u32, u64, u8 } from "@sluice/net/codec";
import { datagram, packetsOf } from "@sluice/net/datagram";
import { lacksPrograms, program } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { hasFlag, soon, testBackends, textOf } from "./_backends.ts";

const lacksPython = lacksPrograms("python3");

/** Echoes in capitals, and says its port first. */
const ECHO = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    data, peer = s.recvfrom(65536)
    s.sendto(data.upper(), peer)
`;

/** Asks a server on a port with datagrams of several sizes, and says whether all came back. */
const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
for size in (0, 1, 1400, 65507):
    data = bytes(i * 7 % 256 for i in range(size))
    s.sendto(data, ("127.0.0.1", int(sys.argv[1])))
    answer, peer = s.recvfrom(65536)
    assert answer == data and peer[1] == int(sys.argv[1]), size
print("all came back")
`;

if (!lacksPython) {
  testBackends("our peers talk to Python's sockets", async ({ connect }) => {
    await using python = start("python3", ["-c", ECHO]);
    const port = Number(await python.line());
    await using peer = await connect({ port });
    for (const size of [0, 1, 1_400, 65_507]) {
      const text = "x".repeat(size);
      await peer.send(text);
      assertEquals(textOf(await peer.receive(soon)), text.toUpperCase());
    }
    const answer = await peer.request("question", {
      accept: (data) => data.length === 8,
    });
    assertEquals(new TextDecoder().decode(answer), "QUESTION");
  });

  testBackends("Python's sockets talk to ours", async ({ open }) => {
    await using socket = await open();
    const echoing = (async () => {
      for await (const { data, from } of socket) await socket.send(data, from);
    })();
    const port = `${socket.localAddr.port}`;
    await using python = start("python3", ["-c", ASK, port]);
    assertEquals(await python.line(), "all came back");
    await socket.close();
    await echoing;
  });
}

/** RFC 5905, 7.3. */
const ntp = struct({
  head: bits({ leap: 2, version: 3, mode: 3 }),
  stratum: u8,
  poll: i8,
  precision: i8,
  rootDelay: u32,
  rootDispersion: u32,
  referenceId: bytes(4),
  referenceTime: u64,
  originTime: u64,
  receiveTime: u64,
  transmitTime: u64,
});

/**
 * An NTP server that loses the first question, lets a forged answer and one to another
 * question go ahead of its own, and answers twice.
 */
const NTP_SERVER = `
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(s.getsockname()[1], flush=True)
s.recvfrom(100)
data, peer = s.recvfrom(100)
assert len(data) == 48 and data[0] == 0x23, data
def answer(origin, seconds):
    return struct.pack("!BBbbII4s4Q", 0x24, 1, 6, -20, 1, 2, b"LOCL",
        0, origin, 3900000000 << 32, seconds << 32)
origin = struct.unpack("!Q", data[40:48])[0]
forger.sendto(answer(origin, 1), peer)
s.sendto(answer(origin + 1, 2), peer)
s.sendto(answer(origin, 3)[:47], peer)
s.sendto(answer(origin, 3900000001), peer)
s.sendto(answer(origin, 3900000001), peer)
`;

if (!lacksPython) {
  testBackends(
    "an NTP client is a struct and a request",
    async ({ connect }) => {
      await using python = start("python3", ["-c", NTP_SERVER]);
      const port = Number(await python.line());
      await using peer = await connect({ port });
      const server = packetsOf(peer, ntp);
      // Random, as RFC 8915 wants it: it tells the answer from all others.
      const [transmitTime] = crypto.getRandomValues(new BigUint64Array(1));
      const question = {
        head: { leap: 0, version: 4, mode: 3 },
        ...{ stratum: 0, poll: 0, precision: 0, rootDelay: 0 },
        ...{ rootDispersion: 0, referenceId: new Uint8Array(4) },
        ...{ referenceTime: 0n, originTime: 0n, receiveTime: 0n, transmitTime },
      };
      const answer = await server.request(question, {
        accept: ({ head, originTime }) =>
          head.mode === 4 && originTime === transmitTime,
        retransmitMs: 20,
        attempts: 2,
        timeoutMs: 20_000,
      });
      assertEquals(answer.head, { leap: 0, version: 4, mode: 4 });
      assertEquals(answer.stratum, 1);
      assertEquals(answer.transmitTime >> 32n, 3_900_000_001n);
      assertEquals(new TextDecoder().decode(answer.referenceId), "LOCL");
    },
  );
}

if (!lacksPrograms("logger")) {
  testBackends(
    "logger sends its lines to our syslog server",
    async ({ open }) => {
      await using socket = await open();
      const { port } = socket.localAddr;
      const { success, stderr } = await new Deno.Command(program("logger"), {
        args: [
          ...["-n", "127.0.0.1", "-P", `${port}`, "-d", "--rfc3164"],
          ...["-t", "sluice", "-p", "local0.warning", "the valve is stuck"],
        ],
      }).output();
      assertEquals(success, true, new TextDecoder().decode(stderr));
      const line = textOf(await socket.receive(soon));
      // Facility 16, severity 4.
      assertEquals(line.startsWith("<132>"), true, line);
      assertEquals(line.endsWith("sluice: the valve is stuck"), true, line);
    },
  );

  Deno.test(
    "logger sends its lines to our Unix socket, which cannot answer it",
    {
      ignore: !hasFlag,
      timeout: 30_000,
    },
    async () => {
      const folder = await Deno.makeTempDir({ prefix: "sluice-" });
      const path = `${folder}/log`;
      const socket = await datagram({ path });
      try {
        const { success } = await new Deno.Command(program("logger"), {
          args: ["-d", "-u", path, "-t", "sluice", "the valve is open"],
        }).output();
        assertEquals(success, true);
        const received = await socket.receive(soon);
        assertEquals(
          textOf(received).endsWith("sluice: the valve is open"),
          true,
        );
        // It did not bind a path.
        assertEquals(received!.from.path, "");
        await assertRejects(
          () => socket.send("thanks", received!.from),
          BrokenError,
          "cannot be answered",
        );
      } finally {
        await socket.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  );
}
