import { ROOT } from "./_command.ts";

/** A documentation comment, as `deno doc --json` has it. */
export interface JsDoc {
  doc?: string;
  tags?: { kind: string; doc?: string; value?: string }[];
}

/** A type, as `deno doc --json` has it. */
export interface TsType {
  kind?: string;
  repr?: string;
  value?: unknown;
}

/** A property of an interface. */
export interface Property {
  name: string;
  optional?: boolean;
  jsDoc?: JsDoc;
  tsType?: TsType;
}

/** One declaration of a name. */
export interface Declaration {
  kind: string;
  declarationKind: string;
  jsDoc?: JsDoc;
  def: {
    properties?: Property[];
    extends?: TsType[];
    tsType?: TsType;
  };
}

/** A name that a file exports, with all of its declarations. */
export interface DocSymbol {
  name: string;
  declarations: Declaration[];
}

/** Asks `deno doc` for what a file exports, types included. */
export async function symbolsOf(file: string): Promise<DocSymbol[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file],
    cwd: ROOT,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  const { nodes }: { nodes: Record<string, { symbols: DocSymbol[] }> } = JSON
    .parse(decoder.decode(stdout));
  return Object.values(nodes)
    .flatMap(({ symbols }) => symbols)
    .map(({ name, declarations }) => ({
      name,
      declarations: declarations.filter(({ declarationKind }) =>
        declarationKind === "export"
      ),
    }))
    .filter(({ declarations }) => declarations.length > 0);
}
