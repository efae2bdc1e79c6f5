import type {
  DocFunction,
  DocMember,
  DocParam,
  DocType,
  DocTypeParam,
} from "./_deno_doc.ts";

/** Longest signature that stays on one line. */
const LINE = 72;

/**
 * The text of a type, as TypeScript writes it.
 *
 * Objects are written one member a line where they are long, without doc comments. Parentheses
 * are where they were written: they are a kind of type to `deno doc`.
 *
 * @throws {TypeError} `deno doc` knows a kind of type that is not known here.
 */
export function typeText(type: DocType): string {
  const { kind, value } = type;
  const print = PRINTERS[kind];
  if (print === undefined) {
    throw new TypeError(
      `Cannot print a type: its kind must be one of ${
        Object.keys(PRINTERS).join(", ")
      }, got ${kind}`,
    );
  }
  return print(value, type.repr ?? "");
}

// deno-lint-ignore no-explicit-any
const PRINTERS: Record<string, (value: any, repr: string) => string> = {
  keyword: (value) => value,
  this: () => "this",
  typeRef: ({ typeName, typeParams }) => typeName + typeArguments(typeParams),
  literal: literalText,
  array: (value) => `${typeText(value)}[]`,
  tuple: (value: DocType[]) => `[${value.map(typeText).join(", ")}]`,
  union: (value: DocType[]) => joinTypes(value, "|"),
  intersection: (value: DocType[]) => joinTypes(value, "&"),
  parenthesized: (value) => `(${typeText(value)})`,
  optional: (value) => `${typeText(value)}?`,
  rest: (value) => `...${typeText(value)}`,
  typeOperator: ({ operator, tsType }) => `${operator} ${typeText(tsType)}`,
  typeQuery: (_, repr) => `typeof ${repr}`,
  typePredicate: ({ asserts, param, type }) =>
    `${asserts ? "asserts " : ""}${
      param.type === "this" ? "this" : param.name
    }${type ? ` is ${typeText(type)}` : ""}`,
  importType: (_, repr) => repr,
  infer: ({ typeParam }) => `infer ${typeParamText(typeParam)}`,
  indexedAccess: ({ objType, indexType }) =>
    `${typeText(objType)}[${typeText(indexType)}]`,
  conditional: ({ checkType, extendsType, trueType, falseType }) =>
    `${typeText(checkType)} extends ${typeText(extendsType)}\n  ? ${
      indent(typeText(trueType))
    }\n  : ${indent(typeText(falseType))}`,
  mapped: ({ readonly, typeParam, nameType, optional, tsType }) => {
    const name = nameType ? ` as ${typeText(nameType)}` : "";
    const { name: key, constraint } = typeParam;
    return `{ ${modifier(readonly, "readonly ")}[${key} in ${
      typeText(constraint)
    }${name}]${modifier(optional, "?")}: ${
      tsType ? typeText(tsType) : "any"
    } }`;
  },
  fnOrConstructor: (value) =>
    `${value.constructor === true ? "new " : ""}${
      functionText({ ...value, returnType: value.tsType }, " => ")
    }`,
  typeLiteral: ({ properties, methods, callSignatures, indexSignatures }) =>
    blockText([
      ...(callSignatures ?? []).map(memberText),
      ...(indexSignatures ?? []).map(indexText),
      ...(properties ?? []).map(memberText),
      ...(methods ?? []).map(memberText),
    ]),
};

/** `readonly` and `?` of a mapped type: there, added or taken away. */
function modifier(sign: boolean | string | undefined, text: string): string {
  if (sign === undefined || sign === false) return "";
  return sign === true ? text : `${sign}${text}`;
}

function literalText(
  value: Record<string, unknown> & { kind: string; tsTypes?: DocType[] },
): string {
  switch (value.kind) {
    case "string":
      return JSON.stringify(value.string);
    case "template":
      return `\`${
        (value.tsTypes ?? []).map((type) =>
          type.kind === "literal" && type.value.kind === "string"
            ? type.value.string
            : `\${${typeText(type)}}`
        ).join("")
      }\``;
    case "bigInt":
      return `${value.string}n`;
    default:
      return String(value[value.kind]);
  }
}

function joinTypes(types: readonly DocType[], sign: string): string {
  const parts = types.map(typeText);
  const line = parts.join(` ${sign} `);
  if (line.length <= LINE && !line.includes("\n")) return line;
  return parts.map((part) => `\n  ${sign} ${indent(part)}`).join("");
}

function typeArguments(types: readonly DocType[] | undefined): string {
  return types === undefined || types.length === 0
    ? ""
    : `<${types.map(typeText).join(", ")}>`;
}

function typeParamText(param: DocTypeParam): string {
  const { name, constraint, default: preset } = param;
  return name + (constraint ? ` extends ${typeText(constraint)}` : "") +
    (preset ? ` = ${typeText(preset)}` : "");
}

/** `<T extends object>`, or nothing. */
export function typeParamsText(params: readonly DocTypeParam[] = []): string {
  return params.length === 0 ? "" : `<${params.map(typeParamText).join(", ")}>`;
}

/**
 * Type parameters, parameters and result of a function.
 *
 * @param arrow What stands before the result.
 */
export function functionText(
  { params, returnType, typeParams }: DocFunction,
  arrow = ": ",
): string {
  const result = returnType === undefined
    ? ""
    : `${arrow}${typeText(returnType)}`;
  const names = params.map(paramText);
  const line = `${typeParamsText(typeParams)}(${names.join(", ")})${result}`;
  if (names.length === 0 || (line.length <= LINE && !line.includes("\n"))) {
    return line;
  }
  return `${typeParamsText(typeParams)}(\n${
    names.map((name) => `  ${indent(name)},\n`).join("")
  })${result}`;
}

function paramText(param: DocParam, index: number): string {
  const { kind, name, optional, tsType, arg, left } = param;
  if (kind === "assign" && left !== undefined) {
    return paramText({ ...left, optional: true }, index);
  }
  if (kind === "rest" && arg !== undefined) {
    return `...${paramText({ ...arg, tsType: arg.tsType ?? tsType }, index)}`;
  }
  // One that is taken apart has no name.
  const shown = name ?? (kind === "object" ? "options" : `values${index}`);
  return shown + (optional ? "?" : "") +
    (tsType ? `: ${typeText(tsType)}` : "");
}

/** The signature of a property, method, accessor or constructor. */
export function memberText(member: DocMember): string {
  const { name = "", kind, tsType, optional } = member;
  const fixed = (member.isStatic ? "static " : "") +
    (member.readonly ? "readonly " : "");
  const called = name + (optional ? "?" : "");
  if (tsType !== undefined) return `${fixed}${called}: ${typeText(tsType)}`;
  const { functionDef = member } = member;
  const { params = [], returnType, typeParams } = functionDef;
  if (kind === "getter") {
    return `${fixed}get ${called}(): ${
      returnType ? typeText(returnType) : "unknown"
    }`;
  }
  return `${fixed}${kind === "setter" ? "set " : ""}${called}${
    functionText({
      params,
      returnType: kind === "setter" ? undefined : returnType,
      typeParams,
    })
  }`;
}

/** The signature of `[key: string]: …`. */
export function indexText(
  { params = [], tsType, readonly }: DocMember,
): string {
  return `${readonly ? "readonly " : ""}[${
    params.map(paramText).join(", ")
  }]: ${tsType ? typeText(tsType) : "any"}`;
}

/** Members between braces: on one line where they fit. */
export function blockText(members: readonly string[]): string {
  if (members.length === 0) return "{}";
  const line = `{ ${members.join("; ")} }`;
  if (line.length <= LINE && !line.includes("\n")) return line;
  return `{\n${members.map((member) => `  ${indent(member)};\n`).join("")}}`;
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n  ");
}

/** The names that a type, or anything that has types in it, refers to. */
export function namesIn(
  value: unknown,
  names: Set<string> = new Set(),
): Set<string> {
  if (Array.isArray(value)) { for (const each of value) namesIn(each, names); }
  else if (typeof value === "object" && value !== null) {
    const { typeName, ...rest } = value as Record<string, unknown>;
    if (typeof typeName === "string") names.add(typeName.split(".")[0]);
    for (const [key, each] of Object.entries(rest)) {
      if (key !== "jsDoc" && key !== "location") namesIn(each, names);
    }
  }
  return names;
}
