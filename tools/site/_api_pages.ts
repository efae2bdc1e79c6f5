import { ROOT } from "../_command.ts";
import type {
  DocComment,
  DocDeclaration,
  DocEntry,
  DocMember,
  DocSymbol,
  DocTag,
} from "./_deno_doc.ts";
import { mapProse } from "./_markdown.ts";
import type { Page } from "./_page.ts";
import {
  functionText,
  indexText,
  memberText,
  namesIn,
  typeParamsText,
  typeText,
} from "./_type_text.ts";

/** The pages of the API reference, and how they are grouped. */
export interface ApiPages {
  pages: Page[];
  entries: ApiEntry[];
}

/** An entry point, with the pages that are its own, in their groups. */
export interface ApiEntry {
  specifier: string;
  path: string;
  groups: { title: string; links: { text: string; path: string }[] }[];
}

/** Names that one file declares, with the file of its options: one page. */
interface Concept {
  title: string;
  path: string;
  entry: DocEntry;
  symbols: DocSymbol[];
}

/** Says where a name, or `Name.member`, is described. */
type Link = (name: string) => string | undefined;

/**
 * Makes the pages of the API reference: one for each entry point, and one for each file that
 * declares what they export, as a file holds one concept: a function with its options.
 *
 * A page belongs to the entry point in whose folder its file is, or else to the first that
 * exports something of it. Names are grouped as the entry point's file groups its exports,
 * under a comment of one line; a `@category` of the name's own comes first.
 *
 * @param entries What `deno doc` says.
 * @param sources The text of each entry point's file, by its specifier.
 */
export function apiPages(
  entries: readonly DocEntry[],
  sources: ReadonlyMap<string, string>,
): ApiPages {
  const concepts = findConcepts(entries);
  const link = linksTo(concepts);
  const exporters = new Map<string, string[]>();
  for (const { specifier, symbols } of entries) {
    for (const { name } of symbols) {
      exporters.set(name, [...exporters.get(name) ?? [], specifier]);
    }
  }
  const pages: Page[] = [{
    path: "api/index.md",
    title: "API reference",
    text: [
      "# API reference",
      "Made from the doc comments of each entry point. The examples run as tests.",
      ...entries.map(({ specifier, doc }) =>
        `## [${specifier}](/${entryPath(specifier)})\n\n${summary(doc, link)}`
      ),
    ].join("\n\n"),
  }];
  const menu: ApiEntry[] = [];
  for (const entry of entries) {
    const { specifier } = entry;
    const path = entryPath(specifier);
    const groups = groupExports(entry, sources.get(specifier) ?? "");
    pages.push({
      path,
      title: specifier,
      text: entryText(entry, groups, link),
    });
    const own = concepts.filter((concept) => concept.entry === entry);
    for (const concept of own) {
      const text = conceptText(concept, exporters, link);
      pages.push({ path: concept.path, title: concept.title, text });
    }
    menu.push({ specifier, path, groups: groupConcepts(own, groups) });
  }
  return { pages, entries: menu };
}

function entryPath(specifier: string): string {
  return `api/${entryName(specifier)}/index.md`;
}

/** `@sluice/net/codec` is `codec`, `@sluice/net` is `net`. */
function entryName(specifier: string): string {
  return specifier.slice(specifier.lastIndexOf("/") + 1);
}

function findConcepts(entries: readonly DocEntry[]): Concept[] {
  const byFile = new Map<string, Map<string, DocSymbol>>();
  for (const { symbols } of entries) {
    for (const symbol of symbols) {
      const file = conceptOf(sourceOf(symbol.declarations[0]));
      const names = byFile.get(file) ?? new Map<string, DocSymbol>();
      byFile.set(file, names.set(symbol.name, symbol));
    }
  }
  return [...byFile].map(([file, names]) => {
    const entry = entries.find((entry) => file.startsWith(folderOf(entry))) ??
      entries.find(({ symbols }) =>
        symbols.some(({ name }) => names.has(name))
      )!;
    const all = [...names.values()];
    const main = all.find(({ name }) => isCalled(name, file));
    const place = file.replace(folderOf(entry), "").replace(/^lib\//, "");
    return {
      // A file such as `events.ts` has the name of no export.
      title: main?.name ?? titleOfFile(file),
      path: `api/${entryName(entry.specifier)}/${place}.md`,
      entry,
      symbols: main === undefined
        ? all
        : [main, ...all.filter((symbol) => symbol !== main)],
    };
  });
}

/** The folder of an entry point, which is its own; the root is not. */
function folderOf({ file }: DocEntry): string {
  return file.includes("/") ? file.slice(0, file.lastIndexOf("/") + 1) : "\0";
}

/** What a file is about: `lib/client/pool_options.ts` is about `lib/client/pool`. */
function conceptOf(file: string): string {
  return file.replace(/(?:(.)_options)?\.ts$/, "$1").replace(
    /\/_([^/]+)$/,
    "/$1",
  );
}

/** Whether it is what its file, `lib/codec/length_prefixed`, is named after. */
function isCalled(name: string, file: string): boolean {
  return name.toLowerCase() ===
    file.slice(file.lastIndexOf("/") + 1).replaceAll("_", "");
}

/** `lib/transport/options` has the title "Options of transport". */
function titleOfFile(file: string): string {
  const [name, folder] = file.split("/").reverse();
  const words = name.replaceAll("_", " ");
  const title = words[0].toUpperCase() + words.slice(1);
  return folder === "lib" ? title : `${title} of ${folder}`;
}

function linksTo(concepts: readonly Concept[]): Link {
  const places = new Map<string, string>();
  for (const { path, symbols } of concepts) {
    for (const { name, declarations } of symbols) {
      places.set(name, `${path}#${name}`);
      for (const member of declarations.flatMap(membersOf)) {
        places.set(`${name}.${member.name}`, `${path}#${anchor(name, member)}`);
      }
    }
  }
  return (name) => places.get(name) ?? places.get(name.split(/[.<[(]/)[0]);
}

function anchor(name: string, member: DocMember): string {
  return `${name}.${member.name}`.replaceAll(/[^\w.$]/g, "");
}

/** An entry point's own pages in the groups of what they are about. */
function groupConcepts(
  concepts: readonly Concept[],
  groups: readonly Group[],
): ApiEntry["groups"] {
  const left = new Set(concepts);
  const menu = groups.map(({ title, symbols }) => ({
    title,
    links: symbols.flatMap(({ name }) => {
      const concept = [...left].find(({ symbols }) => symbols[0].name === name);
      if (concept === undefined) return [];
      left.delete(concept);
      return [{ text: concept.title, path: concept.path }];
    }),
  }));
  const rest = [...left].map(({ title, path }) => ({ text: title, path }));
  return [...menu, { title: "More", links: rest }]
    .filter(({ links }) => links.length > 0);
}

/** The path of the file that declares a name, from the root. */
function sourceOf({ location }: DocDeclaration): string {
  return location.filename.startsWith(ROOT.href)
    ? location.filename.slice(ROOT.href.length)
    : location.filename;
}

/** Exports of an entry point that stand together. */
interface Group {
  title: string;
  symbols: DocSymbol[];
}

/**
 * The exports of an entry point in the order of its file: in the groups that `@category` names,
 * or else under the comments of one line that stand above them.
 */
export function groupExports(
  { symbols }: DocEntry,
  source: string,
): Group[] {
  // Names in their order.
  const titles = new Map<string, string>();
  let title = "Exports";
  for (
    const [, comment, list] of source.matchAll(
      /^\/\/ (.+)$|^export (?:type )?\{([^}]*)\}/gm,
    )
  ) {
    if (comment !== undefined) title = comment.replace(/[.,:]$/, "");
    for (const [, name] of (list ?? "").matchAll(/([\w$]+)\s*(?:,|$)/g)) {
      titles.set(name, title);
    }
  }
  const names = [...titles.keys()];
  const place = ({ name }: DocSymbol) =>
    (names.indexOf(name) + names.length + 1) % (names.length + 1);
  const groups = Map.groupBy(
    symbols.toSorted((a, b) => place(a) - place(b)),
    ({ name, declarations }) =>
      tagsOf(declarations[0].jsDoc, "category")[0]?.doc?.trim() ??
        titles.get(name) ?? "Exports",
  );
  return [...groups].map(([title, symbols]) => ({ title, symbols }));
}

function entryText(
  entry: DocEntry,
  groups: readonly Group[],
  link: Link,
): string {
  return [
    `# ${entry.specifier}`,
    prose(entry.doc.doc, link),
    ...tagsOf(entry.doc, "example").map((tag) => exampleText(tag, link)),
    ...groups.map(({ title, symbols }) => {
      const rows = symbols.map(({ name, declarations: [first] }) =>
        `| [\`${name}\`](/${link(name)}) | ${KINDS[first.kind]} | ${
          summary(first.jsDoc, link).replaceAll("|", "\\|")
        } |`
      );
      return `## ${title}\n\n| name | kind | |\n| --- | --- | --- |\n${
        rows.join("\n")
      }`;
    }),
  ].filter((part) => part !== "").join("\n\n");
}

const KINDS: Record<DocDeclaration["kind"], string> = {
  class: "class",
  function: "function",
  interface: "interface",
  typeAlias: "type",
  variable: "constant",
};

/** One page: what the file is named after under its title, all others under their names. */
function conceptText(
  { title, symbols }: Concept,
  exporters: ReadonlyMap<string, readonly string[]>,
  link: Link,
): string {
  const [first] = symbols;
  return [
    `# ${title}${title === first.name ? ` {#${title}}` : ""}`,
    ...symbols.map((symbol) =>
      (symbol.name === title ? "" : `## ${symbol.name} {#${symbol.name}}\n\n`) +
      symbolText(symbol, exporters.get(symbol.name) ?? [], link)
    ),
  ].join("\n\n");
}

function symbolText(
  { name, declarations }: DocSymbol,
  specifiers: readonly string[],
  link: Link,
): string {
  const kinds = [...new Set(declarations.map(({ kind }) => KINDS[kind]))];
  const names = namesIn(declarations);
  names.delete(name);
  const linked = [...names].filter((each) => link(each) !== undefined).sort();
  const source = sourceOf(declarations[0]);
  return [
    `${kinds.join(", ")} of ${
      specifiers.map((each) => `\`${each}\``).join(" and ")
    }, in [${source}](/${source}#L${declarations[0].location.line})`,
    ...declarations.map((each) => declarationText(name, each, link)),
    linked.length === 0
      ? ""
      : `**Types** ${linked.map((each) => code(each, link)).join(" · ")}`,
  ].filter((part) => part !== "").join("\n\n");
}

function declarationText(
  name: string,
  declaration: DocDeclaration,
  link: Link,
): string {
  const { jsDoc } = declaration;
  return [
    fence(signature(name, declaration)),
    commentText(jsDoc, link),
    ...memberSections(name, membersOf(declaration), link),
  ].filter((part) => part !== "").join("\n\n");
}

/** Constructors, properties and methods, in this order. */
function membersOf(declaration: DocDeclaration): DocMember[] {
  const { constructors = [], methods = [] } = declaration.def;
  return [
    ...constructors.filter(({ accessibility }) => accessibility !== "private"),
    ...propertiesOf(declaration),
    ...methods.filter(({ kind }) => !isAccessor(kind)),
  ];
}

function isAccessor(kind: string | undefined): boolean {
  return kind === "getter" || kind === "setter";
}

/** The first line of a declaration; members have sections of their own. */
function signature(
  name: string,
  { kind, def }: DocDeclaration,
): string {
  const params = typeParamsText(def.typeParams);
  switch (kind) {
    case "class": {
      const parent = typeof def.extends === "string"
        ? ` extends ${def.extends}`
        : "";
      const contracts = (def.implements ?? []).map(typeText).join(", ");
      return `${
        def.isAbstract ? "abstract " : ""
      }class ${name}${params}${parent}${
        contracts && ` implements ${contracts}`
      }`;
    }
    case "interface": {
      const parents = Array.isArray(def.extends)
        ? def.extends.map(typeText).join(", ")
        : "";
      const members = [
        ...(def.callSignatures ?? []).map(memberText),
        ...(def.indexSignatures ?? []).map(indexText),
        ...(def.properties ?? []).map(memberText),
        ...(def.methods ?? []).map(memberText),
      ];
      const head = `interface ${name}${params}${
        parents && ` extends ${parents}`
      }`;
      return members.length === 0
        ? `${head} {}`
        : `${head} {\n${
          members.map((member) => `  ${member.replaceAll("\n", "\n  ")};\n`)
            .join("")
        }}`;
    }
    case "typeAlias":
      return `type ${name}${params} = ${typeText(def.tsType!)}`;
    case "variable":
      return `const ${name}: ${def.tsType ? typeText(def.tsType) : "unknown"}`;
    case "function":
      return `function ${name}${
        functionText({
          params: def.params ?? [],
          returnType: def.returnType,
          typeParams: def.typeParams,
        })
      }`;
  }
}

/** Properties and accessors; of a type, those of the objects that it is made of. */
function propertiesOf({ def }: DocDeclaration): DocMember[] {
  const accessors = (def.methods ?? []).filter(({ kind }) => isAccessor(kind));
  const literals: DocMember[] = [];
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) return value.forEach(visit);
    const { kind, value: inner } = value as { kind?: string; value?: unknown };
    if (kind === "typeLiteral") {
      const { properties } = inner as { properties: DocMember[] };
      literals.push(...properties.filter(({ jsDoc }) => jsDoc !== undefined));
    } else if (
      kind === "union" || kind === "intersection" || kind === "parenthesized"
    ) {
      visit(inner);
    }
  };
  visit(def.tsType);
  return [...(def.properties ?? []), ...accessors, ...literals];
}

/** A section for each member that says something of its own. */
function memberSections(
  name: string,
  members: readonly DocMember[],
  link: Link,
): string[] {
  const byAnchor = Map.groupBy(members, (member) => anchor(name, member));
  return [...byAnchor].map(([id, all]) => {
    const [{ name: title = "", kind, functionDef, params }] = all;
    const isCall = !isAccessor(kind) && (functionDef ?? params) !== undefined;
    return [
      `### \`${title}${isCall ? "()" : ""}\` {#${id}}`,
      memberSignature([...new Set(all.map(memberText))].join("\n"), isCall),
      ...new Set(all.map(({ jsDoc }) => commentText(jsDoc, link))),
    ].filter((part) => part !== "").join("\n\n");
  });
}

/** Most properties are so short that they need no block. */
function memberSignature(text: string, isCall: boolean): string {
  const isShort = !isCall && text.length <= 72 && !/[\n`]/.test(text);
  return isShort ? `\`${text}\`` : fence(text);
}

/** A doc comment: what it says, then its tags. */
function commentText(comment: DocComment | undefined, link: Link): string {
  if (comment === undefined) return "";
  const list = (title: string, items: readonly string[]) =>
    items.length === 0
      ? ""
      : `**${title}**\n\n${items.map((item) => `- ${item}`).join("\n")}`;
  const [preset] = tagsOf(comment, "default");
  const [result] = tagsOf(comment, "return");
  const value = preset?.value ?? preset?.doc;
  return [
    prose(comment.doc, link),
    value === undefined ? "" : `Default: \`${value.trim()}\``,
    list(
      "Parameters",
      tagsOf(comment, "param").map(({ name, doc }) =>
        `\`${name}\`: ${item(doc, link)}`
      ),
    ),
    result?.doc === undefined ? "" : `**Returns** ${item(result.doc, link)}`,
    list(
      "Throws",
      tagsOf(comment, "throws").map(({ tsType, doc }) =>
        `${tsType === undefined ? "" : `${code(typeText(tsType), link)}: `}${
          item(doc, link)
        }`
      ),
    ),
    list("See also", tagsOf(comment, "see").map(({ doc }) => item(doc, link))),
    ...tagsOf(comment, "example").map((tag) => exampleText(tag, link)),
  ].filter((part) => part !== "").join("\n\n");
}

function tagsOf(comment: DocComment | undefined, kind: string): DocTag[] {
  return (comment?.tags ?? []).filter((tag) => tag.kind === kind);
}

/** An example: its first line is its title. */
function exampleText({ doc = "" }: DocTag, link: Link): string {
  const [title, ...rest] = doc.trim().split("\n");
  return title.startsWith("```")
    ? `**Example**\n\n${doc.trim()}`
    : `**Example: ${prose(title, link)}**\n\n${prose(rest.join("\n"), link)}`;
}

/** Text of one item of a list. */
function item(doc: string | undefined, link: Link): string {
  return prose(doc, link).replaceAll("\n", "\n  ");
}

/** The first sentence, in one line. */
function summary(comment: DocComment | undefined, link: Link): string {
  const [paragraph] = (comment?.doc ?? "").split("\n\n");
  const line = prose(paragraph, link).replaceAll("\n", " ");
  return /^.*?[.:](?=\s|$)/.exec(line)?.[0].replace(/:$/, ".") ?? line;
}

/** The text of a doc comment as Markdown of this site: its links, and no HTML. */
function prose(doc: string | undefined, link: Link): string {
  return mapProse(
    (doc ?? "").trim(),
    (text) =>
      text.replaceAll("<", "&lt;").replaceAll(
        /\{@link(?:code|plain)?\s+([^\s}|]+)(?:[\s|]+([^}]*))?\}/g,
        (_, target, label) =>
          /^https?:/.test(target)
            ? `[${label ?? target}](${target})`
            : code(target, link, label),
      ),
  );
}

/** A name in code, linked where it has a page. */
function code(name: string, link: Link, label: string = name): string {
  const path = link(name);
  return path === undefined ? `\`${label}\`` : `[\`${label}\`](/${path})`;
}

function fence(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}
