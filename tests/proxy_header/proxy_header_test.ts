import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Addr,
  decodeProxyHeader,
  encodeProxyHeader,
  FrameTooLargeError,
  MalformedFrameError,
  type ProxyHeaderInit,
} from "@sluice/net/codec";
import { randomCut, seededRandom } from "../../lib/_random.ts";
import { SEEDS } from "../_support/sockets.ts";

const utf8 = new TextEncoder();
const SIGNATURE = "0d0a0d0a000d0a515549540a";
const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const tcp = (hostname: string, port: number): Addr => ({
  transport: "tcp",
  hostname,
  port,
});
const CLIENT = tcp("192.0.2.1", 56_324);
const SERVER = tcp("198.51.100.7", 443);

function line(text: string) {
  return decodeProxyHeader(utf8.encode(text));
}

Deno.test("decodeProxyHeader() reads lines of version 1", () => {
  const v4 = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
  assertEquals(line(`${v4}GET /`), {
    header: {
      version: 1,
      command: "proxy",
      sourceAddr: CLIENT,
      destinationAddr: SERVER,
    },
    byteLength: v4.length,
  });
  const longest =
    "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  assertEquals(line(longest)?.header.sourceAddr, {
    transport: "tcp",
    hostname: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    port: 65_535,
  });
  for (const rest of ["", ` ${"x".repeat(90)}`]) {
    const unknown = `PROXY UNKNOWN${rest}\r\n`;
    assertEquals(line(unknown), {
      header: { version: 1, command: "unknown" },
      byteLength: unknown.length,
    });
  }
});

Deno.test("decodeProxyHeader() refuses every line that the specification does not allow", () => {
  for (
    const text of [
      "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
      "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
      "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n",
      "PROXY TCP4 192.0.2 198.51.100.7 1 443\r\n",
      "PROXY TCP4 192.0.2.01 198.51.100.7 1 443\r\n",
      "PROXY \ufeffTCP4 192.0.2.1 198.51.100.7 1 443\r\n",
      "PROXY TCP4 192.0.2.\u0661 198.51.100.7 1 443\r\n",
      "PROXY TCP4 ::1 ::1 1 443\r\n",
      "PROXY TCP6 192.0.2.1 198.51.100.7 1 443\r\n",
      "PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n",
      "PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n",
      "PROXY UNKNOWNS\r\n",
      "PROXY \r\n",
      `PROXY UNKNOWN ${"x".repeat(120)}\r\n`,
      "proxy tcp4 192.0.2.1 198.51.100.7 1 443\r\n",
      "GET / HTTP/1.1\r\n",
      "P\r\n",
      "\0",
    ]
  ) assertThrows(() => line(text), MalformedFrameError, undefined, text);
});

Deno.test("decodeProxyHeader() reads version 2, each family, and takes what it says", () => {
  const read = (rest: string) => decodeProxyHeader(hex(SIGNATURE + rest));
  assertEquals(
    read("21 11 000c c0000201 c6336407 dc04 01bb ffff")?.header,
    {
      version: 2,
      command: "proxy",
      sourceAddr: CLIENT,
      destinationAddr: SERVER,
      tlvs: [],
    },
  );
  const v6 = read(
    `21 21 0024 ${"20010db8".padEnd(31, "0")}1 ${
      "".padEnd(31, "0")
    }1 0001 0002`,
  );
  assertEquals(v6?.header.sourceAddr, tcp("2001:db8::1", 1));
  assertEquals(v6?.header.destinationAddr, tcp("::1", 2));
  const udp = read("21 12 000c 01020304 05060708 0001 0002")?.header;
  assertEquals(udp?.sourceAddr?.transport, "udp");
  const path = utf8.encode("/run/x").toHex().padEnd(216, "0");
  const abstract = `00${utf8.encode("name").toHex()}`.padEnd(216, "0");
  assertEquals(
    read(`21 31 00d8 ${path} ${abstract}`)?.header,
    {
      version: 2,
      command: "proxy",
      sourceAddr: { transport: "unix", path: "/run/x" },
      destinationAddr: { transport: "unix", path: "\0name" },
      tlvs: [],
    },
  );
  // What LOCAL and an unknown family have for a payload is skipped, whatever it is.
  assertEquals(read("20 11 0003 010203 00"), {
    header: { version: 2, command: "local" },
    byteLength: 19,
  });
  assertEquals(read("21 00 0000")?.header.command, "unknown");
});

Deno.test("decodeProxyHeader() refuses a version 2 that the specification does not allow, as early as it can", () => {
  const addresses = "c0000201 c6336407 dc04 01bb";
  for (
    const rest of [
      "31", // version 3
      "22", // no such command
      "21 13", // no such protocol
      "21 41", // no such family
      "21 11 000b", // too short for its addresses
      "21 21 000c",
      "21 31 00d7",
      `21 11 000d ${addresses} 04`, // fields cut short
      `21 11 0010 ${addresses} 04 0002 00`,
      `21 11 0011 ${addresses} 03 0002 0000`, // a checksum of two bytes
      `21 11 0013 ${addresses} 03 0004 00000000`, // a wrong one
      `21 11 0010 ${addresses} 02 0001 ff`, // not UTF-8
      `21 11 0090 ${addresses} 05 0081 ${"00".repeat(129)}`, // too long an id
      `21 11 0013 ${addresses} 20 0004 01000000`, // TLS without its verify
      `21 11 0017 ${addresses} 20 0008 0100000000 21 0001`, // its fields cut short
    ]
  ) {
    assertThrows(
      () => decodeProxyHeader(hex(SIGNATURE + rest)),
      MalformedFrameError,
      undefined,
      rest,
    );
  }
  const large = hex(`${SIGNATURE} 21 11 1001`);
  const error = assertThrows(
    () => decodeProxyHeader(large),
    FrameTooLargeError,
  );
  assertEquals([error.limit, error.claimed], [4_096, 4_113]);
  assertEquals(decodeProxyHeader(large, { maxHeaderBytes: 5_000 }), undefined);
});

Deno.test("decodeProxyHeader() takes only the versions that it is asked for", () => {
  const one = encodeProxyHeader({ version: 1 });
  const two = encodeProxyHeader({ version: 2 });
  assert(decodeProxyHeader(one, { versions: [1] }) !== undefined);
  assert(decodeProxyHeader(two, { versions: [2] }) !== undefined);
  assertThrows(
    () => decodeProxyHeader(one, { versions: [2] }),
    MalformedFrameError,
    "must begin with a header of version 2, got 0x50524f58",
  );
  assertThrows(
    () => decodeProxyHeader(two.subarray(0, 1), { versions: [1] }),
    MalformedFrameError,
  );
});

const FULL: ProxyHeaderInit = {
  sourceAddr: tcp("2001:db8::1", 50_000),
  destinationAddr: tcp("2001:db8::2", 443),
  alpn: "h2",
  authority: "bücher.example",
  uniqueId: hex("00ff10"),
  tls: {
    version: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    commonName: "client",
    signatureAlgorithm: "SHA256",
    keyAlgorithm: "RSA2048",
    hasCertificate: true,
    isVerified: true,
  },
  tlvs: [{ type: 0xe0, value: hex("0102") }],
  checksum: true,
};

Deno.test("what encodeProxyHeader() says is read again, byte by byte, and at any cut", () => {
  const inits: ProxyHeaderInit[] = [
    FULL,
    {},
    { command: "local" },
    { version: 1 },
    { version: 1, sourceAddr: CLIENT, destinationAddr: SERVER },
    { sourceAddr: CLIENT, destinationAddr: SERVER },
    {
      sourceAddr: { transport: "unix", path: "" },
      destinationAddr: { transport: "unix", path: "\ufeff/run/\u00e4" },
    },
    { ...FULL, tls: { hasCertificate: false, isVerified: false } },
    { ...FULL, tls: { hasCertificate: true, isVerified: false } },
  ];
  for (const init of inits) {
    const bytes = encodeProxyHeader(init);
    const followed = new Uint8Array([...bytes, 1, 2, 3]);
    for (let length = 0; length < bytes.length; length++) {
      assertEquals(decodeProxyHeader(followed.subarray(0, length)), undefined);
    }
    const whole = decodeProxyHeader(bytes);
    assertEquals(decodeProxyHeader(followed), whole);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    assertEquals(decodeProxyHeader(shared), whole);
    assertEquals(whole?.byteLength, bytes.length);
    const { tlvs, ...said } = whole!.header;
    const { checksum: _, tlvs: __, ...expected } = init;
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(said[name as keyof typeof said], value, name);
    }
    // A header can be passed on as it is, but for its checksum.
    const again = encodeProxyHeader({ ...whole!.header });
    assertEquals(decodeProxyHeader(again)?.header.alpn, said.alpn);
    if (init === FULL) assert(tlvs?.some(({ type }) => type === 0xe0));
  }
});

Deno.test("a header of which one bit was turned over is not believed where it has a checksum", () => {
  const bytes = encodeProxyHeader(FULL);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const spoilt = bytes.slice();
    spoilt[bit >> 3] ^= 1 << (bit & 7);
    let said: unknown;
    try {
      said = decodeProxyHeader(spoilt)?.header;
    } catch (error) {
      assert(
        error instanceof MalformedFrameError ||
          error instanceof FrameTooLargeError,
        String(error),
      );
      continue;
    }
    // Its length claims more, it is the proxy's own, or it is no checksum any more.
    const turned = bit >> 3;
    const mayPass = turned === 12 || turned === 14 || turned === 15 ||
      turned === bytes.length - 7;
    assert(said === undefined || mayPass, `byte ${turned}`);
  }
});

Deno.test("random bytes end in a header, in one of two errors, or in a wait for more", () => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed);
    for (let round = 0; round < 500; round++) {
      const start = round % 3 === 0
        ? encodeProxyHeader(FULL)
        : round % 3 === 1
        ? encodeProxyHeader({
          version: 1,
          sourceAddr: CLIENT,
          destinationAddr: SERVER,
        })
        : new Uint8Array(64);
      const spoilt = start.slice(0, randomCut(start.length, random));
      for (let i = 0; i < 1 + random() * 4; i++) {
        spoilt[Math.floor(random() * spoilt.length)] = random() * 256;
      }
      try {
        const decoded = decodeProxyHeader(spoilt);
        assert((decoded?.byteLength ?? 0) <= spoilt.length);
      } catch (error) {
        assert(
          error instanceof MalformedFrameError ||
            error instanceof FrameTooLargeError,
          `seed ${seed}: ${error}`,
        );
      }
    }
  }
});

Deno.test("encodeProxyHeader() refuses what cannot be said", () => {
  const cases: [ProxyHeaderInit, string][] = [
    [{ sourceAddr: CLIENT }, "destinationAddr must be an object"],
    [{ command: "proxy" }, "sourceAddr must be given"],
    [
      { command: "local", sourceAddr: CLIENT, destinationAddr: SERVER },
      'sourceAddr must be left out with "local"',
    ],
    [
      { sourceAddr: CLIENT, destinationAddr: tcp("::1", 1) },
      "destinationAddr must be of the same kind",
    ],
    [
      { sourceAddr: tcp("example.com", 1), destinationAddr: SERVER },
      "hostname of sourceAddr must be an IP address",
    ],
    [
      { sourceAddr: tcp("fe80::1%eth0", 1), destinationAddr: tcp("::1", 1) },
      "hostname of sourceAddr must be an IP address",
    ],
    [
      { sourceAddr: tcp("1.2.3.4", 65_536), destinationAddr: SERVER },
      "port of sourceAddr must be",
    ],
    [{ version: 1, alpn: "h2" }, "alpn must be left out of version 1"],
    [{ version: 1, checksum: true }, "checksum must be left out of version 1"],
    [{ uniqueId: new Uint8Array(129) }, "uniqueId must be at most 128 bytes"],
    [{ authority: "x".repeat(65_536) }, "authority must be at most 65535"],
    [
      { authority: "x".repeat(60_000), alpn: "x".repeat(60_000) },
      "what it says must be at most 65535 bytes long",
    ],
    [{ versoin: 1 } as ProxyHeaderInit, "did you mean version?"],
    [
      {
        sourceAddr: { transport: "unix", path: "x".repeat(109) },
        destinationAddr: { transport: "unix", path: "" },
      },
      "path of sourceAddr must be at most 108 bytes long",
    ],
  ];
  for (const [init, why] of cases) {
    assertThrows(() => encodeProxyHeader(init), Error, why);
  }
});

Deno.test("encodeProxyHeader() names what is wrong inside of what it says", () => {
  const path = (path: string) => ({ transport: "unix" as const, path });
  const cases: [object, string][] = [
    [{ tlvs: 5 }, "tlvs must be an array, got 5"],
    [{ tlvs: [null] }, "each of tlvs must be an object, got null"],
    [{ tls: {} }, "hasCertificate of tls must be a boolean, got undefined"],
    [
      { tls: { hasCertificate: true, isVerified: 1 } },
      "isVerified of tls must be a boolean, got 1",
    ],
    [{ checksum: "yes" }, 'checksum must be a boolean, got "yes"'],
    [
      { sourceAddr: path("/a\0b"), destinationAddr: path("/c") },
      "path of sourceAddr must be without a zero inside",
    ],
  ];
  for (const [init, text] of cases) {
    assertThrows(
      () => encodeProxyHeader(init as never),
      Error,
      `Cannot encode a PROXY header: ${text}`,
    );
  }
  const abstract = { sourceAddr: path("\0a"), destinationAddr: path("/c") };
  const decoded = decodeProxyHeader(encodeProxyHeader(abstract));
  assertEquals(decoded?.header.sourceAddr, abstract.sourceAddr);
});
