import { assertEquals } from "@std/assert";
import {
  bits,
  bool,
  bytes,
  cstring,
  f32le,
  f64le,
  i16le,
  i64le,
  type Packet,
  pad,
  sized,
  struct,
  u32le,
  u8,
  utf8,
} from "@sluice/net/codec";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const PYTHON = { ignore: lacksPrograms("python3"), timeout: 30_000 };

/**
 * Takes packets apart with what Python has for the structs of C, says what is in them, and
 * puts them together again. With "@" and in ctypes, the layout is that of the C compiler.
 */
const PROGRAM = `
import ctypes, json, struct, sys

class Bits(ctypes.LittleEndianStructure):
    _fields_ = [("flag", ctypes.c_uint16, 1), ("mode", ctypes.c_uint16, 3),
                ("size", ctypes.c_uint16, 12)]

class Wide(ctypes.LittleEndianStructure):
    _fields_ = [("a", ctypes.c_uint64, 5), ("b", ctypes.c_uint64, 33),
                ("c", ctypes.c_uint64, 1), ("d", ctypes.c_uint64, 25)]

class Big(ctypes.BigEndianStructure):
    _fields_ = [("version", ctypes.c_uint32, 4), ("kind", ctypes.c_uint32, 9),
                ("more", ctypes.c_uint32, 1), ("length", ctypes.c_uint32, 18)]

def aligned(data):
    values = struct.unpack("@BIhqfd", data)
    return list(map(str, values)), struct.pack("@BIhqfd", *values)

def fields_of(kind):
    def run(data):
        value = kind.from_buffer_copy(data)
        names = [name for name, _, _ in kind._fields_]
        numbers = [getattr(value, name) for name in names]
        return list(map(str, numbers)), bytes(kind(*numbers))
    return run

def text(data):
    name, zero, rest = data.partition(b"\\0")
    size = struct.unpack_from("<i", rest)[0]
    inner = rest[4:4 + size]
    short, value = struct.unpack("<H%ds" % (size - 2), inner)
    again = name + b"\\0" + struct.pack("<iH", 2 + len(value), short) + value
    return [name.decode(), str(short), value.hex()], again + rest[4 + size:]

RUN = {"aligned": aligned, "bits": fields_of(Bits), "wide": fields_of(Wide),
       "big": fields_of(Big), "text": text}

for line in sys.stdin:
    kind, data = line.split()
    values, again = RUN[kind](bytes.fromhex(data))
    print(json.dumps([values, again.hex()]), flush=True)
`;

// struct { uint8_t a; uint32_t b; int16_t c; int64_t d; float e; double f; };
const aligned = struct({
  a: u8,
  _1: pad(3),
  b: u32le,
  c: i16le,
  _2: pad(6),
  d: i64le,
  e: f32le,
  _3: pad(4),
  f: f64le,
});

const LSB = { order: "lsb" } as const;
const small = struct({ bits: bits({ flag: bool, mode: 3, size: 12 }, LSB) });
const wide = struct({ bits: bits({ a: 5, b: 33, c: 1, d: 25 }, LSB) });
const big = struct({
  bits: bits({ version: 4, kind: 9, more: 1, length: 18 }),
});
const text = struct({
  name: cstring(),
  value: sized(u32le, struct({ short: bytes(2), data: utf8() })),
  end: u8,
});

/** A packet, a value of it, and what Python says is in it. */
type Case<T> = [kind: string, packet: Packet<T>, value: T, said: string[]];

const CASES = [
  [
    "aligned",
    aligned,
    { a: 200, b: 4_000_000_000, c: -300, d: -(2n ** 62n), e: 1.5, f: -1e300 },
    ["200", "4000000000", "-300", "-4611686018427387904", "1.5", "-1e+300"],
  ],
  [
    "bits",
    small,
    { bits: { flag: true, mode: 5, size: 0xabc } },
    ["1", "5", `${0xabc}`],
  ],
  [
    "wide",
    wide,
    { bits: { a: 17, b: 2 ** 33 - 2, c: 1, d: 0x1234567 } },
    ["17", `${2 ** 33 - 2}`, "1", `${0x1234567}`],
  ],
  [
    "big",
    big,
    { bits: { version: 9, kind: 300, more: 1, length: 200_000 } },
    ["9", "300", "1", "200000"],
  ],
  [
    "text",
    text,
    {
      name: "Zoë",
      value: { short: new Uint8Array([1, 2]), data: "€" },
      end: 9,
    },
    ["Zoë", "513", "e282ac"],
  ],
] as Case<unknown>[];

Deno.test(
  "pad(), bits(), cstring() and sized() lay packets out as C and Python do",
  PYTHON,
  async () => {
    await using python = start("python3", ["-c", PROGRAM]);
    for (const [kind, packet, value, said] of CASES) {
      const wire = packet.encode(value);
      await python.write(`${kind} ${wire.toHex()}\n`);
      const [values, again] = JSON.parse(await python.line());
      assertEquals(values, said, kind);
      assertEquals(again, wire.toHex(), kind);
      assertEquals(packet.decode(Uint8Array.fromHex(again)), value);
    }
  },
);
