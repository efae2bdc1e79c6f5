import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  addressKey,
  IpRanges,
  isLinkLocal,
  parseIp,
  withoutBrackets,
} from "../lib/ip.ts";
import { seededRandom } from "./time/_fake_time.ts";

const bytesOf = (text: string) => {
  const bytes = parseIp(text);
  return bytes && [...bytes];
};

Deno.test("parseIp() reads IPv4", () => {
  assertEquals(bytesOf("1.2.3.4"), [1, 2, 3, 4]);
  assertEquals(bytesOf("0.0.0.0"), [0, 0, 0, 0]);
  assertEquals(bytesOf("255.255.255.255"), [255, 255, 255, 255]);
});

Deno.test("parseIp() reads IPv6 in every spelling", () => {
  const loopback = [...new Array(15).fill(0), 1];
  for (
    const text of [
      "::1",
      "0:0:0:0:0:0:0:1",
      "0000:0::0001",
      "::0.0.0.1",
      "::1%lo",
    ]
  ) {
    assertEquals(bytesOf(text), loopback, text);
  }
  assertEquals(bytesOf("::"), new Array(16).fill(0));
  assertEquals(bytesOf("fE80::")?.slice(0, 2), [0xfe, 0x80]);
  assertEquals(bytesOf("1:2:3:4:5:6:7::")?.slice(12), [0, 7, 0, 0]);
  assertEquals(bytesOf("::2:3:4:5:6:7:8")?.slice(0, 4), [0, 0, 0, 2]);
  assertEquals(bytesOf("1:2:3:4:5:6:1.2.3.4")?.slice(12), [1, 2, 3, 4]);
});

Deno.test("parseIp() takes a v4-mapped address for the IPv4 address it is", () => {
  for (
    const text of ["::ffff:1.2.3.4", "::FFFF:102:304", "0:0:0:0:0:ffff:1.2.3.4"]
  ) {
    assertEquals(bytesOf(text), [1, 2, 3, 4], text);
  }
  assertEquals(bytesOf("::1.2.3.4")?.length, 16);
  assertEquals(bytesOf("::ff:1.2.3.4")?.length, 16);
  assertEquals(bytesOf("1::ffff:1.2.3.4")?.length, 16);
});

Deno.test("parseIp() refuses everything else", () => {
  for (
    const text of [
      "",
      ".",
      ":",
      ":::",
      "1",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4 ",
      "1.2.3.-4",
      "0x1.2.3.4",
      "1.2.3.4%eth0",
      "1..3.4",
      "localhost",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "1::2::3",
      "::12345",
      "::g",
      ":1::2",
      "1::2:",
      "::1.2.3",
      "1.2.3.4::",
      "::1.2.3.4:5",
      "1:2:3:4:5:6:7:1.2.3.4",
      "[::1]",
      "::1%",
      "::1%a%b",
      "::1/64",
      "1:2:3:4:5:6:7:8:",
      "::%eth0:1",
      "1:".repeat(1_000_000),
    ]
  ) {
    assertEquals(parseIp(text), undefined, text.slice(0, 50));
  }
});

Deno.test("IpRanges.includes() matches addresses and ranges", () => {
  const ranges = new IpRanges("allow", [
    "10.0.0.0/8",
    "192.168.1.7",
    "172.16.0.0/12",
    "fc00::/7",
    "2001:db8::1",
  ]);
  for (
    const inside of [
      "10.0.0.0",
      "10.255.255.255",
      "::ffff:10.1.2.3",
      "192.168.1.7",
      "172.31.255.255",
      "fdff::1",
      "2001:db8::1",
    ]
  ) assert(ranges.includes(inside), inside);
  for (
    const outside of [
      "9.255.255.255",
      "11.0.0.0",
      "192.168.1.6",
      "172.32.0.0",
      "172.15.9.9",
      "fe00::",
      "2001:db8::2",
      "::10.1.2.3",
      "localhost",
      "",
    ]
  ) assert(!ranges.includes(outside), outside);
});

Deno.test("IpRanges keeps IPv4 and IPv6 apart", () => {
  const all6 = new IpRanges("deny", ["::/0"]);
  assert(all6.includes("2001:db8::1"));
  assert(!all6.includes("10.0.0.1"));
  assert(!all6.includes("::ffff:10.0.0.1"));
  const all4 = new IpRanges("deny", ["0.0.0.0/0"]);
  assert(all4.includes("::ffff:10.0.0.1"));
  assert(!all4.includes("::1"));
});

Deno.test("IpRanges takes a v4-mapped range for the IPv4 range it is", () => {
  const ranges = new IpRanges("deny", [
    "::ffff:10.0.0.0/104",
    "::ffff:1.2.3.4",
  ]);
  assert(ranges.includes("10.9.9.9"));
  assert(ranges.includes("::ffff:10.9.9.9"));
  assert(ranges.includes("1.2.3.4"));
  assert(!ranges.includes("11.0.0.0"));
});

Deno.test("IpRanges agrees with counting the bits one by one", () => {
  const random = seededRandom(5);
  const bits = (bytes: Uint8Array) =>
    [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const write = (bytes: Uint8Array) =>
    bytes.length === 4
      ? bytes.join(".")
      : bits(bytes).match(/.{16}/g)!.map((b) => parseInt(b, 2).toString(16))
        .join(":");
  let inside = 0;
  for (let i = 0; i < 4_000; i++) {
    const length = random() < 0.5 ? 4 : 16;
    const prefix = Math.floor(random() * (length * 8 + 1));
    const address = Uint8Array.from({ length }, () => random() * 256);
    const base = bits(address).slice(0, prefix).padEnd(length * 8, "0");
    const range = Uint8Array.from(base.match(/.{8}/g)!, (b) => parseInt(b, 2));
    const ranges = new IpRanges("allow", [`${write(range)}/${prefix}`]);
    assert(ranges.includes(write(address)));
    // One bit flipped: in front of the prefix it is out, behind it stays in.
    const flip = Math.floor(random() * length * 8);
    address[flip >> 3] ^= 0x80 >> (flip & 7);
    assertEquals(ranges.includes(write(address)), flip >= prefix);
    if (flip >= prefix) inside++;
  }
  assert(inside > 1_000 && inside < 3_000);
});

Deno.test("IpRanges refuses what is not a range, and slips", () => {
  for (
    const text of [
      "",
      "localhost",
      "10.0.0.0/",
      "10.0.0.0/x",
      "10.0.0.0/-1",
      "10.0.0/8",
      "10.0.0.0/8/8",
      "/8",
      "fe80::1%eth0",
      " 10.0.0.0/8",
      10,
      null,
      undefined,
    ]
  ) {
    assertThrows(
      () => new IpRanges("allow", [text as string]),
      TypeError,
      "Cannot read the ranges: each of allow must be an IP address or a CIDR range",
    );
  }
  const slips: [string, string][] = [
    ["10.0.0.0/33", "have a prefix from 0 to 32"],
    ["::/129", "have a prefix from 0 to 128"],
    ["::ffff:10.0.0.0/8", "have a prefix from 96 to 128"],
    ["10.1.2.3/8", "have no bit set after its prefix"],
    ["10.0.0.0/4", "have no bit set after its prefix"],
    ["0.0.0.1/0", "have no bit set after its prefix"],
    ["fc00::1/7", "have no bit set after its prefix"],
  ];
  for (const [text, why] of slips) {
    assertThrows(() => new IpRanges("deny", [text]), TypeError, why);
  }
  assertThrows(
    () => new IpRanges("allow", "10.0.0.0/8" as never),
    TypeError,
    "Cannot read the ranges: allow must be an array",
  );
});

Deno.test("withoutBrackets() takes off those of an IPv6 address alone", () => {
  for (
    const [host, bare] of [
      ["[::1]", "::1"],
      ["[fe80::1%eth0]", "fe80::1%eth0"],
      ["::1", "::1"],
      ["[localhost]", "[localhost]"],
      ["[[::1]]", "[[::1]]"],
      ["127.0.0.1", "127.0.0.1"],
      ["", ""],
    ]
  ) assertEquals(withoutBrackets(host), bare);
});

Deno.test("isLinkLocal() knows fe80::/10", () => {
  for (const host of ["fe80::1", "FE80::1", "febf::", "fe80::1%eth0"]) {
    assertEquals(isLinkLocal(host), true, host);
  }
  for (const host of ["fec0::1", "::1", "169.254.1.1", "localhost", "fe80"]) {
    assertEquals(isLinkLocal(host), false, host);
  }
});

Deno.test("addressKey() is one for all that one client may have", () => {
  for (
    const [address, key] of [
      ["127.0.0.1", "127.0.0.1"],
      ["::ffff:127.0.0.1", "127.0.0.1"],
      ["::ffff:7f00:1", "127.0.0.1"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
      ["::1", "0:0:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["localhost", "localhost"],
    ]
  ) assertEquals(addressKey(address), key);
});
