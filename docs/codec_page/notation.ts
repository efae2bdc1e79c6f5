/**
 * Reads a description such as `{ version: u8, name: utf8(u16) }`: names, calls, numbers,
 * strings and objects, as TypeScript writes them. Nothing is run: what comes out is a tree.
 *
 * @module
 */

/** One part of a description. */
export type Node =
  | { kind: "name"; at: number; name: string }
  | { kind: "call"; at: number; name: string; args: Node[] }
  | { kind: "value"; at: number; value: number | string | boolean }
  | { kind: "object"; at: number; entries: [key: string, value: Node][] };

/** Most characters, parts and levels of a description. */
const MAX_CHARACTERS = 8_192;
const MAX_NODES = 1_000;
const MAX_DEPTH = 16;

/** A description that cannot be read: what is wrong, and at which character. */
export class NotationError extends Error {
  /** Where it is, in characters from the beginning. */
  readonly at: number;

  /** Says what must be there, and what is. */
  constructor(at: number, must: string, got: string) {
    super(`Cannot read the description: there must be ${must}, got ${got}`);
    this.at = at;
  }
}

/**
 * Reads a description.
 *
 * @throws {NotationError} It is none, or too large.
 */
export function parseNotation(text: string): Node {
  if (text.length > MAX_CHARACTERS) {
    throw new NotationError(
      MAX_CHARACTERS,
      `at most ${MAX_CHARACTERS} characters`,
      String(text.length),
    );
  }
  return new Parser(text).parse();
}

interface Token {
  at: number;
  kind: "name" | "number" | "string" | "sign" | "end";
  text: string;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<space>(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)+)`,
    String.raw`(?<name>[A-Za-z_$][\w$]*)`,
    String.raw`(?<number>-?(?:0x[0-9a-f_]+|\d[\d_]*))`,
    String.raw`(?<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')`,
    String.raw`(?<sign>[{}(),:;])`,
  ].join("|"),
  "iy",
);

class Parser {
  readonly #text: string;
  #next: Token;
  #nodes = 0;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
    this.#next = this.#read();
  }

  parse(): Node {
    const node = this.#value(0);
    // As it ends a statement.
    this.#takeIf(";");
    if (this.#next.kind !== "end") throw this.#unexpected("nothing more");
    return node;
  }

  #value(depth: number): Node {
    const { at, kind, text } = this.#take();
    if (++this.#nodes > MAX_NODES || depth > MAX_DEPTH) {
      throw new NotationError(
        at,
        `at most ${MAX_NODES} parts in ${MAX_DEPTH} levels`,
        "more",
      );
    }
    if (kind === "number") {
      return { kind: "value", at, value: Number(text.replaceAll("_", "")) };
    }
    if (kind === "string") return { kind: "value", at, value: unquote(text) };
    if (kind === "name") {
      if (text === "true" || text === "false") {
        return { kind: "value", at, value: text === "true" };
      }
      if (!this.#takeIf("(")) return { kind: "name", at, name: text };
      return { kind: "call", at, name: text, args: this.#args(depth) };
    }
    if (text === "{") {
      return { kind: "object", at, entries: this.#entries(depth) };
    }
    throw new NotationError(
      at,
      "a name, a number, a string or {",
      kind === "end" ? "the end" : text,
    );
  }

  #args(depth: number): Node[] {
    const args: Node[] = [];
    while (!this.#takeIf(")")) {
      args.push(this.#value(depth + 1));
      if (this.#takeIf(")")) break;
      this.#expect(",");
    }
    return args;
  }

  #entries(depth: number): [string, Node][] {
    const entries: [string, Node][] = [];
    while (!this.#takeIf("}")) {
      const { at, kind, text } = this.#take();
      if (kind !== "name" && kind !== "string") {
        throw new NotationError(at, "the name of a field", text || "the end");
      }
      const key = kind === "string" ? unquote(text) : text;
      if (entries.some(([other]) => other === key)) {
        throw new NotationError(at, "one field of each name", `${key} twice`);
      }
      // `{ u8 }` is `{ u8: u8 }`, as in TypeScript.
      const isShort = kind === "name" &&
        (this.#next.text === "," || this.#next.text === "}");
      if (!isShort) this.#expect(":");
      entries.push([
        key,
        isShort ? { kind: "name", at, name: text } : this.#value(depth + 1),
      ]);
      if (this.#takeIf("}")) break;
      this.#expect(",");
    }
    return entries;
  }

  #expect(sign: string): void {
    if (!this.#takeIf(sign)) throw this.#unexpected(sign);
  }

  #unexpected(must: string): NotationError {
    const { at, kind, text } = this.#next;
    return new NotationError(at, must, kind === "end" ? "the end" : text);
  }

  #takeIf(sign: string): boolean {
    const { kind, text } = this.#next;
    if (kind !== "sign" || text !== sign) return false;
    this.#take();
    return true;
  }

  #take(): Token {
    const token = this.#next;
    this.#next = this.#read();
    return token;
  }

  #read(): Token {
    const text = this.#text;
    while (this.#position < text.length) {
      const at = this.#position;
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (match === null) {
        throw new NotationError(at, "a description", text[at]);
      }
      this.#position = TOKEN.lastIndex;
      const groups = match.groups!;
      if (groups.space !== undefined) continue;
      const kind = (["name", "number", "string", "sign"] as const)
        .find((kind) => groups[kind] !== undefined)!;
      return { at, kind, text: match[0] };
    }
    return { at: text.length, kind: "end", text: "" };
  }
}

function unquote(text: string): string {
  return text.slice(1, -1).replaceAll(
    /\\(x[0-9a-f]{2}|u[0-9a-f]{4}|.)/gi,
    (_, escape: string) =>
      escape.length > 1
        ? String.fromCharCode(parseInt(escape.slice(1), 16))
        : ({ n: "\n", r: "\r", t: "\t", "0": "\0" } as Record<string, string>)[
          escape
        ] ??
          escape,
  );
}
