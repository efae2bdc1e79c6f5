// What the project uses of @std/cli/parse-args; the npm package comes without
// types. These are stricter than the original (an option must be declared to be
// read), so that what checks here checks there.

type OneOrMore<T> = T | readonly T[];

type ValueOf<K extends string, T, Defaults> = K extends keyof Defaults
  ? T | Defaults[K]
  : T | undefined;

export type Args<
  Booleans extends string,
  Strings extends string,
  Collected extends string,
  Defaults,
> =
  & { [K in Booleans]: boolean }
  & { [K in Exclude<Strings, Collected>]: ValueOf<K, string, Defaults> }
  & { [K in Extract<Strings, Collected>]: string[] }
  & { [K in Exclude<Collected, Strings | Booleans>]: unknown }
  & {
    [K in Exclude<keyof Defaults, Booleans | Strings | Collected>]: unknown;
  }
  & { _: (string | number)[]; "--"?: string[] };

export interface ParseOptions<
  Booleans extends string = string,
  Strings extends string = string,
  Collected extends string = string,
  Defaults extends Record<string, unknown> = Record<string, unknown>,
> {
  "--"?: boolean;
  alias?: Record<string, OneOrMore<string>>;
  boolean?: OneOrMore<Booleans>;
  collect?: OneOrMore<Collected>;
  default?: Defaults;
  negatable?: OneOrMore<string>;
  stopEarly?: boolean;
  string?: OneOrMore<Strings>;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export function parseArgs<
  Booleans extends string = never,
  Strings extends string = never,
  Collected extends string = never,
  Defaults extends Record<string, unknown> = Record<never, never>,
>(
  args: string[],
  options?: ParseOptions<Booleans, Strings, Collected, Defaults>,
): Args<Booleans, Strings, Collected, Defaults>;
