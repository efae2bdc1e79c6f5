import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ROOT } from "../../tools/_command.ts";
import { apiPages, groupExports } from "../../tools/site/_api_pages.ts";
import { type DocEntry, readEntries } from "../../tools/site/_deno_doc.ts";
import { typeText } from "../../tools/site/_type_text.ts";

/** The documentation of a module, as `deno doc` reads it. */
async function entryOf(source: string): Promise<DocEntry> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", file],
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const [{ module_doc: doc = {}, symbols }] = Object.values(nodes) as {
      module_doc?: DocEntry["doc"];
      symbols: DocEntry["symbols"];
    }[];
    // As if it stood in lib/.
    for (const { declarations } of symbols) {
      for (const each of declarations) {
        each.location.filename = `${ROOT}lib/thing/thing.ts`;
      }
    }
    return { specifier: "@x/y/thing", file: "lib/thing/mod.ts", doc, symbols };
  } finally {
    await Deno.remove(file);
  }
}

const TYPES = [
  "string | number[] | (string | 1)[]",
  "readonly (keyof T)[]",
  "`unix:${string}`",
  "[string, number?, ...boolean[]]",
  "(a: string, ...rest: number[]) => void",
  "new (a?: T) => Promise<T>",
  "{ readonly a?: string; b(c: number): void }",
  "{ [key: string]: unknown }",
  "{ -readonly [K in keyof T]?: T[K] }",
  "(() => void) | undefined",
  "T extends (infer U)[]\n  ? U\n  : never",
  "typeof globalThis",
  "1n | true | null | undefined",
  "(value: unknown) => value is T",
  "(value: unknown) => asserts value",
];

Deno.test("typeText() prints every kind of type as it was written", async () => {
  const source = TYPES.map((type, i) => `export type T${i}<T> = ${type};`)
    .join("\n");
  const { symbols } = await entryOf(source);
  for (const [i, type] of TYPES.entries()) {
    const { declarations } = symbols.find(({ name }) => name === `T${i}`)!;
    assertEquals(typeText(declarations[0].def.tsType!), type);
  }
});

Deno.test("typeText() refuses a kind that it does not know", () => {
  assertThrows(
    () => typeText({ kind: "odd" }),
    TypeError,
    "got odd",
  );
});

const SOURCE = `
/** What a thing is told; a \`<b>\` is <b>. */
export interface ThingOptions {
  /**
   * How often, see {@linkcode Thing.run}.
   * @default {3}
   */
  times?: number;
}

/**
 * A thing. And more of it.
 *
 * @example Run it
 * \`\`\`ts
 * new Thing().run({{ a: 1 }});
 * \`\`\`
 */
export class Thing {
  /** Whether it runs. */
  get running(): boolean { return true; }
  /**
   * Runs with {@linkcode ThingOptions}, as {@link https://example.com/} says.
   * @param options What to do.
   * @returns The count.
   * @throws {TypeError} It is none.
   */
  run(options: ThingOptions): number { return options.times ?? 3; }
}
`;

Deno.test("apiPages() puts a file's names on one page, with anchors and links", async () => {
  const entry = await entryOf(SOURCE);
  const { pages, entries } = apiPages([entry], new Map());
  assertEquals(pages.map(({ path }) => path), [
    "api/index.md",
    "api/thing/index.md",
    "api/thing/thing.md",
  ]);
  assertEquals(entries[0].groups, [{
    title: "Exports",
    links: [{ text: "Thing", path: "api/thing/thing.md" }],
  }]);
  const [, index, { text }] = pages;
  assertStringIncludes(
    index.text,
    "| [`Thing`](/api/thing/thing.md#Thing) | class | A thing. |",
  );
  for (
    const part of [
      "# Thing {#Thing}",
      "## ThingOptions {#ThingOptions}",
      "### `run()` {#Thing.run}",
      "`times?: number`",
      "Default: `3`",
      "a `<b>` is &lt;b>",
      "see [`Thing.run`](/api/thing/thing.md#Thing.run)",
      "Runs with [`ThingOptions`](/api/thing/thing.md#ThingOptions), as [https://example.com/](https://example.com/) says",
      "- `options`: What to do.",
      "**Returns** The count.",
      "- `TypeError`: It is none.",
      "**Example: Run it**",
      "new Thing().run({{ a: 1 }});",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("groupExports() follows the order of a file, its comments, and @category", async () => {
  const entry = await entryOf(`
export const a = 1;
export const b = 2;
/** @category First */
export const c: number = 3;
export const d = 4;
export const e = 5;
`);
  const groups = groupExports(
    entry,
    `// Some of them.
export { d } from "./d.ts";
export type { type E, x as a } from "./b.ts";

// The rest
export {
  c,
  b,
} from "./c.ts";`,
  );
  assertEquals(
    groups.map((
      { title, symbols },
    ) => [title, symbols.map(({ name }) => name)]),
    [
      ["Some of them", ["d", "a"]],
      ["First", ["c"]],
      ["The rest", ["b"]],
      ["Exports", ["e"]],
    ],
  );
});

Deno.test("every exported name has its place in the API reference", async () => {
  const entries = await readEntries();
  const { pages } = apiPages(entries, new Map());
  const text = pages.map(({ text }) => text).join("\n");
  assert(!text.includes("```ts\nundefined"));
  for (const { symbols } of entries) {
    for (const { name } of symbols) assertStringIncludes(text, `{#${name}}`);
  }
});
