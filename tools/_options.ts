import config from "../deno.json" with { type: "json" };
import { ROOT } from "./_command.ts";
import {
  type Declaration,
  type Property,
  symbolsOf,
  type TsType,
} from "./_doc.ts";

/** Where the page of all options is kept. */
export const OPTIONS_PAGE: URL = new URL("docs/options.md", ROOT);

const HEAD = `# All options and their defaults

Made by \`deno task options:update\` from the types of \`lib/\` and their \`@default\` tags: one
section for each type of options, under the entry point that exports it. A type that others
share is named by them and has a section of its own. Durations are in milliseconds and end in
\`Ms\`, sizes are in bytes and end in \`Bytes\`; unknown option names are refused.
`;

/**
 * Writes the page of all options: for each exported type whose name ends in \`Options\`, its
 * options with their types, their defaults and what they do.
 */
export async function optionsPage(): Promise<string> {
  const entries = await Promise.all(
    Object.entries(config.exports).map(async ([entry, file]) => ({
      name: `${config.name}${entry.slice(1)}`,
      types: await typesOf(file),
    })),
  );
  const sections: string[] = [];
  const seen = new Set<string>();
  for (const { name, types } of entries) {
    const options = new Set<string>();
    const add = (type: OptionsType) => {
      if (seen.has(type.name) || options.has(type.name)) return;
      options.add(type.name);
      for (const part of partsOf(type)) {
        if (types.has(part)) add(types.get(part)!);
      }
    };
    for (const type of types.values()) {
      if (type.name.endsWith("Options")) add(type);
    }
    if (options.size === 0) continue;
    sections.push(`## \`${name}\``);
    for (const type of [...options].sort()) {
      seen.add(type);
      sections.push(sectionOf(types.get(type)!));
    }
  }
  const link = (name: string) =>
    seen.has(name) ? `[\`${name}\`](#${name.toLowerCase()})` : `\`${name}\``;
  return await format(
    `${HEAD}\n${sections.join("\n\n")}\n`.replaceAll(
      /(?<=^Also takes what these have: .*)`(\w+)`/gm,
      (_, name) => link(name),
    ),
  );
}

/** `deno task options:update`: writes the page anew. */
export async function updateOptions(): Promise<number> {
  await Deno.writeTextFile(OPTIONS_PAGE, await optionsPage());
  return 0;
}

/** An interface or an alias, by its name. */
interface OptionsType extends Declaration {
  name: string;
}

/** Interfaces and aliases that a file exports. */
async function typesOf(file: string): Promise<Map<string, OptionsType>> {
  const types = (await symbolsOf(file)).flatMap(({ name, declarations }) =>
    declarations
      .filter(({ kind }) => kind === "interface" || kind === "typeAlias")
      .map((declaration) => ({ ...declaration, name }))
  );
  return new Map(types.map((type) => [type.name, type]));
}

function sectionOf({ name, jsDoc, def }: OptionsType): string {
  const lines = [`### \`${name}\``, ""];
  const about = prose(jsDoc?.doc);
  if (about !== "") lines.push(about, "");
  const parts = partsOf({ name, def });
  if (parts.length > 0) {
    const named = parts.map((part) => `\`${part}\``).join(", ");
    lines.push(`Also takes what these have: ${named}.`, "");
  }
  const properties = [
    ...def.properties ?? [],
    ...literalsIn(def.tsType),
  ].filter(({ jsDoc }) => !jsDoc?.doc?.startsWith("Absent: "));
  for (const property of properties) lines.push(lineOf(property, name));
  return lines.join("\n").trimEnd();
}

function lineOf(
  { name, optional, jsDoc, tsType }: Property,
  of: string,
): string {
  const given = jsDoc?.tags?.find(({ kind }) => kind === "default")?.value;
  const byDefault = given !== undefined
    ? `default \`${given.replace(/^\{(.*)\}$/s, "$1")}\``
    : optional
    ? "optional"
    : "required";
  const type = typeText(
    optional ? withoutUndefined(tsType, `${of}.${name}`) : tsType,
  );
  const kind = type === undefined ? "" : ` \`${type}\`,`;
  return `- **\`${name}\`**:${kind} ${byDefault}. ${prose(jsDoc?.doc)}`;
}

/**
 * What an option may be where it is given. Each must take `undefined` for what is absent:
 * programs that set `exactOptionalPropertyTypes` could hand none on otherwise.
 */
function withoutUndefined(type: TsType | undefined, what: string) {
  const { kind, value } = type ?? {};
  const types = kind === "union" ? value as TsType[] : [type];
  const isAnything = (type?: TsType) =>
    type?.kind === "keyword" && type.value === "unknown";
  if (types.some(isAnything)) return type;
  const others = types.filter((type) => type?.value !== "undefined");
  if (others.length === types.length) {
    throw new Error(`${what} is optional: add "| undefined" to its type`);
  }
  return others.length === 1 ? others[0] : { kind: "union", value: others };
}

/** A comment in one line, without links that only an editor follows. */
function prose(doc = ""): string {
  return doc.split(/\n\s*```/)[0].replaceAll(
    /\{@link(?:code|plain)? ([^}\s|]+)[^}]*\}/g,
    "`$1`",
  ).replaceAll(/\s+/g, " ").trim();
}

/** A type in few words; `undefined` where it takes many. */
function typeText(type: TsType | undefined): string | undefined {
  if (type === undefined) return undefined;
  const { kind, value } = type;
  const all = (types: unknown, join: string) => {
    const texts = (types as TsType[]).map(typeText);
    return texts.includes(undefined) ? undefined : texts.join(join);
  };
  switch (kind) {
    case "union":
      return all(value, " | ");
    case "array": {
      const item = typeText(value as TsType);
      return item && (/[ |]/.test(item) ? `(${item})[]` : `${item}[]`);
    }
    case "parenthesized":
      return typeText(value as TsType);
    case "literal":
      return (value as { kind: string }).kind === "string"
        ? JSON.stringify((value as { string: string }).string)
        : type.repr;
    case "typeOperator": {
      const { operator, tsType } = value as {
        operator: string;
        tsType: TsType;
      };
      const text = typeText(tsType);
      return text && `${operator} ${text}`;
    }
    case "keyword":
      return type.repr;
    case "typeRef": {
      const { typeName, typeParams } = value as {
        typeName: string;
        typeParams?: TsType[];
      };
      if (typeParams === undefined) return typeName;
      const params = all(typeParams, ", ");
      return params && `${typeName}<${params}>`;
    }
    case "fnOrConstructor":
      return "function";
    default:
      return undefined;
  }
}

/** The types that a type has the options of, too, at least some of them. */
function partsOf({ name, def }: Pick<OptionsType, "name" | "def">): string[] {
  const parts = walk([...def.extends ?? [], def.tsType ?? {}]).flatMap(
    ({ kind, value }) => {
      if (kind !== "typeRef") return [];
      const { typeName, typeParams } = value as {
        typeName: string;
        typeParams?: TsType[];
      };
      if (!/^(Omit|Pick|Partial)$/.test(typeName)) return [typeName];
      return [(typeParams?.[0].value as { typeName: string }).typeName];
    },
  );
  return [...new Set(parts)].filter((part) => part !== name);
}

/** Options that a type has written out, not by name; of the same name, the first. */
function literalsIn(type: TsType | undefined): Property[] {
  const found = walk(type).flatMap(({ kind, value }) =>
    kind === "typeLiteral"
      ? (value as { properties: Property[] }).properties
      : []
  );
  return found.filter(({ name }, index) =>
    found.findIndex((other) => other.name === name) === index
  );
}

/** A type, and those that it joins or chooses from. */
function walk(type: TsType | TsType[] | undefined): TsType[] {
  if (type === undefined) return [];
  if (Array.isArray(type)) return type.flatMap(walk);
  const inner = ["union", "intersection", "parenthesized"].includes(
      type.kind ?? "",
    )
    ? walk(type.value as TsType | TsType[])
    : [];
  return [type, ...inner];
}

/** As `deno fmt` has it, so that the page passes the gate. */
async function format(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await output).stdout);
}
