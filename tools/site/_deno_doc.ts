import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../_command.ts";

/** A type, as `deno doc --json` says it; `value` depends on `kind`. */
export interface DocType {
  kind: string;
  repr?: string;
  // deno-lint-ignore no-explicit-any
  value?: any;
}

/** A parameter of a function. */
export interface DocParam {
  kind: string;
  name?: string;
  optional?: boolean;
  tsType?: DocType;
  /** What is gathered by `...`. */
  arg?: DocParam;
  /** What has a default. */
  left?: DocParam;
}

/** A type parameter. */
export interface DocTypeParam {
  name: string;
  constraint?: DocType;
  default?: DocType;
}

/** A line of a doc comment that begins with `@`. */
export interface DocTag {
  kind: string;
  name?: string;
  doc?: string;
  tsType?: DocType;
  value?: string;
}

/** A doc comment. */
export interface DocComment {
  doc?: string;
  tags?: DocTag[];
}

/** A function, or what a method is besides its name. */
export interface DocFunction {
  params: DocParam[];
  returnType?: DocType;
  typeParams?: DocTypeParam[];
}

/** A property, method, accessor or constructor. */
export interface DocMember {
  name?: string;
  kind?: string;
  jsDoc?: DocComment;
  readonly?: boolean;
  optional?: boolean;
  isStatic?: boolean;
  accessibility?: string;
  /** Of a property. */
  tsType?: DocType;
  /** Of a class's method. */
  functionDef?: DocFunction;
  /** Of an interface's method, and of a constructor. */
  params?: DocParam[];
  returnType?: DocType;
  typeParams?: DocTypeParam[];
}

/** What stands behind a name; which of these fields it has depends on what it is. */
export interface DocDefinition extends Partial<DocFunction> {
  kind?: string;
  isAbstract?: boolean;
  extends?: string | DocType[];
  implements?: DocType[];
  tsType?: DocType;
  constructors?: DocMember[];
  properties?: DocMember[];
  methods?: DocMember[];
  callSignatures?: DocMember[];
  indexSignatures?: DocMember[];
}

/** One declaration of a name: functions have one for each overload. */
export interface DocDeclaration {
  kind: "class" | "function" | "interface" | "typeAlias" | "variable";
  location: { filename: string; line: number };
  jsDoc?: DocComment;
  def: DocDefinition;
}

/** An exported name. */
export interface DocSymbol {
  name: string;
  declarations: DocDeclaration[];
}

/** An entry point of the package. */
export interface DocEntry {
  /** As it is imported: `@sluice/net/codec`. */
  specifier: string;
  /** Its file, from the root of the repository. */
  file: string;
  doc: DocComment;
  symbols: DocSymbol[];
}

/** Reads the documentation of all entry points from their doc comments. */
export function readEntries(): Promise<DocEntry[]> {
  return Promise.all(
    Object.entries(config.exports).map(([name, path]) =>
      readEntry(config.name + name.slice(1), path.replace(/^\.\//, ""))
    ),
  );
}

/** One entry point: of several at once, `deno doc` says only once what they share. */
async function readEntry(specifier: string, file: string): Promise<DocEntry> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `Cannot read the doc comments of ${file}: deno doc failed: ${
        decoder.decode(stderr)
      }`,
    );
  }
  const { nodes } = JSON.parse(decoder.decode(stdout));
  const { module_doc: doc = {}, symbols } = nodes[new URL(file, ROOT).href];
  return { specifier, file, doc, symbols };
}
