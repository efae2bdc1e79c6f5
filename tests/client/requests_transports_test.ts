import { assertEquals, assertInstanceOf } from "@std/assert";
import { BrokenError, framed, lengthPrefixed, Socket } from "@sluice/net";
import { Requests } from "@sluice/net/client";
import type { Transport } from "../../lib/transport/options.ts";
import { outcome, TIMEOUT } from "../_support/sockets.ts";
import { tcpPair, tlsPairs, unixPair } from "../_support/transports.ts";

const codec = lengthPrefixed({ maxFrameBytes: 4 * 1024 * 1024 });

/** The first byte says what it is: see {@linkcode serve}. */
const ECHO = 0;
const MANY = 1;
const HANG_UP = 2;
const idOf = (frame: Uint8Array) => frame[1] << 8 | frame[2];

/** Sends a frame back, as one or as ten answers, or hangs up. */
async function serve(transport: Transport): Promise<void> {
  await using connection = framed(new Socket(transport), codec);
  for await (const frame of connection) {
    if (frame[0] === HANG_UP) return;
    const times = frame[0] === MANY ? 10 : 1;
    for (let i = 1; i <= times; i++) {
      frame[3] = i;
      await connection.send(frame);
    }
  }
}

let lastId = 0;
function frameOf(kind: number, length: number): Uint8Array<ArrayBuffer> {
  const id = ++lastId & 0xffff;
  const frame = new Uint8Array(length).fill(id);
  frame.set([kind, id >> 8, id, 0]);
  return frame;
}

const PAIRS: [string, () => Promise<() => Promise<[Transport, Transport]>>][] =
  [
    ["TCP", () => Promise.resolve(tcpPair)],
    ["TLS", () => tlsPairs()],
    ["TLS by node:tls", () => tlsPairs("mutual")],
    ["Unix", async () => {
      const dir = await Deno.makeTempDir();
      return async () => {
        const pair = await unixPair(dir);
        await Deno.remove(dir, { recursive: true });
        return pair;
      };
    }],
  ];

for (const [name, makePairs] of PAIRS) {
  for (const mode of ["order", "ids"] as const) {
    Deno.test(
      `Requests carries small and large answers, and streams (${name}, ${mode})`,
      {
        ...TIMEOUT,
        ignore: name === "Unix" && Deno.build.os === "windows",
      },
      async () => {
        const [near, far] = await (await makePairs())();
        const serving = serve(far);
        const requests = new Requests(framed(new Socket(near), codec), {
          match: mode === "order" ? mode : { request: idOf, response: idOf },
        });
        const sizes = [4, 100, 3_000_000, 20_000, 1_000_000, 5];
        const asking = Array.from({ length: 120 }, async (_, i) => {
          const frame = frameOf(ECHO, i < 12 ? sizes[i % 6] : 4 + i);
          const answer = await requests.request(frame);
          frame[3] = 1;
          // Large ones are not compared byte by byte.
          assertEquals(answer.length, frame.length);
          assertEquals(answer.subarray(0, 100), frame.subarray(0, 100));
        });
        const streaming = Array.from({ length: 5 }, async () => {
          const frame = frameOf(MANY, 5_000);
          const isLast = (part: Uint8Array) => part[3] === 10;
          let count = 0;
          for await (const part of requests.stream(frame, { isLast })) {
            assertEquals([idOf(part), part[3]], [idOf(frame), ++count]);
          }
          assertEquals(count, 10);
        });
        await Promise.all([...asking, ...streaming]);
        const last = [frameOf(HANG_UP, 4), frameOf(ECHO, 4)]
          .map((frame) => outcome(requests.request(frame)));
        for (const error of await Promise.all(last)) {
          assertInstanceOf(error, BrokenError);
          assertEquals(error.sent, true);
        }
        await requests.close();
        await serving;
      },
    );
  }
}
