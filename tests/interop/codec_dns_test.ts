import { assertEquals, assertMatch } from "@std/assert";
import { framed, serve, type Server } from "@sluice/net";
import {
  array,
  bytes,
  lengthPrefixed,
  packets,
  struct,
  u16,
  u32,
  u8,
} from "@sluice/net/codec";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const DIG = { ignore: lacksPrograms("dig"), timeout: 30_000 };

// RFC 1035, section 4: the header, one question, and answers that point to its name.
const message = struct({
  id: u16,
  flags: u16,
  questions: u16,
  answers: u16,
  authorities: u16,
  additionals: u16,
  rest: bytes(),
});
const label = struct({ text: bytes(u8) });
const answer = struct({
  name: u16,
  type: u16,
  class: u16,
  ttl: u32,
  data: bytes(u16),
});
const address = struct({ parts: array(u8, 4) });

const IS_RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;
const NO_SUCH_NAME = 3;
/** A pointer to the name of the question, right behind the header. */
const QUESTION_NAME = 0xc00c;

const names = new Map([["sluice.test", [[192, 0, 2, 1], [192, 0, 2, 200]]]]);

/** The question's name, and its size with type and class. */
function readQuestion(rest: Uint8Array): { name: string; size: number } {
  const labels: string[] = [];
  let at = 0;
  while (rest[at] !== 0) {
    const { text } = label.decode(rest.subarray(at, at + 1 + rest[at]));
    labels.push(new TextDecoder().decode(text));
    at += 1 + text.length;
  }
  return { name: labels.join("."), size: at + 1 + 4 };
}

/** A DNS server of one screen, over TCP: frames of two bytes of length. */
function serveDns(): Server<Deno.NetAddr> {
  const codec = packets(message, lengthPrefixed({ lengthBytes: 2 }));
  return serve({ port: 0 }, async (socket) => {
    const connection = framed(socket, codec);
    for await (const query of connection) {
      const { name, size } = readQuestion(query.rest);
      const addresses = names.get(name.toLowerCase());
      const answers = (addresses ?? []).map((parts) =>
        answer.encode({
          name: QUESTION_NAME,
          type: 1,
          class: 1,
          ttl: 60,
          data: address.encode({ parts }),
        })
      );
      const code = addresses === undefined ? NO_SUCH_NAME : 0;
      await connection.send({
        id: query.id,
        flags: IS_RESPONSE | AUTHORITATIVE | query.flags & 0x0100 | code,
        questions: 1,
        answers: answers.length,
        authorities: 0,
        additionals: 0,
        rest: Uint8Array.from(
          [query.rest.subarray(0, size), ...answers].flatMap((
            part,
          ) => [...part]),
        ),
      });
    }
  });
}

Deno.test(
  "dig +tcp asks a server made of lengthPrefixed() and struct()",
  DIG,
  async () => {
    await using server = serveDns();
    const { port } = server.addr;
    const dig = async (...args: string[]) => {
      const common = [
        "+tcp",
        "+tries=1",
        "+time=10",
        "@127.0.0.1",
        "-p",
        `${port}`,
      ];
      await using running = start("dig", [...common, ...args]);
      return await running.finish();
    };
    const short = await dig("+short", "sluice.test", "A");
    assertEquals([short.code, short.stdout], [0, "192.0.2.1\n192.0.2.200\n"]);
    const missing = await dig("nowhere.test", "A");
    assertMatch(missing.stdout, /status: NXDOMAIN/);
    // Two questions over one connection.
    const both = await dig(
      "+keepopen",
      "+short",
      "sluice.test",
      "A",
      "+keepopen",
      "+short",
      "SLUICE.test",
      "A",
    );
    assertEquals(both.stdout.match(/192\.0\.2\.200/g)?.length, 2);
  },
);
