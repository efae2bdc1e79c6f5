import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net/codec";
import { parseEscaped, parseHex } from "../../../docs/codec_page/bytes_text.ts";
import { decodeBytes } from "../../../docs/codec_page/decode_bytes.ts";
import {
  EXAMPLES,
  hashOf,
  MAX_HASH,
  readHash,
} from "../../../docs/codec_page/page_state.ts";
import { reportError, showValue } from "../../../docs/codec_page/show_value.ts";

Deno.test("readHash() reads what hashOf() wrote", () => {
  for (const { title: _, ...state } of EXAMPLES) {
    assertEquals(readHash(`#${hashOf(state)}`), state);
  }
});

Deno.test("readHash() passes over what it does not know, and what is too long", () => {
  assertEquals(readHash(""), undefined);
  assertEquals(readHash("#heading"), undefined);
  assertEquals(readHash("#codec=eval&hex=00"), undefined);
  assertEquals(
    readHash(`#codec=lines&text=${"a".repeat(MAX_HASH)}`),
    undefined,
  );
  assertEquals(
    readHash(
      "#codec=lines&content=struct&option.__proto__=1&option.fatal=%3Cscript%3E&x=%E0%A4%A",
    ),
    {
      input: "hex",
      bytes: "",
      hasEnded: true,
      choice: {
        framing: "lines",
        options: { fatal: "<script>" },
        content: "text",
        struct: "",
      },
    },
  );
});

Deno.test("hashOf() makes no address that is too long", () => {
  const state = { ...EXAMPLES[0], bytes: "61".repeat(MAX_HASH) };
  assertEquals(hashOf(state), undefined);
});

Deno.test("the examples show what their titles say", () => {
  const kinds = EXAMPLES.map(({ input, bytes, choice, hasEnded }) => {
    const parse = input === "hex" ? parseHex : parseEscaped;
    return decodeBytes(parse(bytes), choice, hasEnded).pieces
      .map(({ kind }) => kind).join(" ");
  });
  assertEquals(kinds, [
    "frame frame bad",
    "frame frame bad rest",
    "frame frame frame",
    "frame bad rest",
    "frame bad frame",
    "frame frame",
    "frame skipped frame",
  ]);
});

Deno.test("showValue() shows values shortly, however large they are", () => {
  assertEquals(
    showValue({
      a: 1n,
      "b c": [new Uint8Array([1, 255])],
      d: undefined,
      e: null,
    }),
    '{ a: 1n, "b c": [<01 ff>], e: null }',
  );
  assertEquals(showValue({}), "{}");
  assertEquals(showValue("a\n<b>"), '"a\\n<b>"');
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assertEquals(showValue(deep), "[[[[[[…]]]]]]");
  for (
    const large of [
      "x".repeat(1e6),
      Array(1e5).fill("y".repeat(99)),
      new Uint8Array(1e6),
    ]
  ) {
    assertEquals(showValue(large).length <= 602, true);
    assertStringIncludes(showValue(large), "…");
  }
});

Deno.test("reportError() gives the fields of an error, and what to do", () => {
  assertEquals(reportError(new FrameTooLargeError(8, 12n)).facts, [
    ["limit", "8"],
    ["claimed", "12"],
    ["skipped", "false"],
  ]);
  const eof = reportError(new UnexpectedEofError(3, undefined, "cut"));
  assertEquals(eof.facts, [["received", "3"]]);
  assertStringIncludes(eof.remedy, "bytes are missing");
  const bad = new MalformedFrameError("bad", { recoverable: true });
  assertStringIncludes(reportError(bad).remedy, "the next frame is read");
  assertEquals(reportError(bad).name, "MalformedFrameError");
});
