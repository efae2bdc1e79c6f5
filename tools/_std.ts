/** Where the names `@std/*` come from on this network: JSR, or its twin on npm. */
export type StdSource = "jsr" | "npm";

/**
 * Environment variable that settles the question: `SLUICE_STD=jsr` or `npm`.
 *
 * The runner sets it for everything it starts, so that one invocation asks the
 * network once, however deeply tasks and tests nest.
 */
export const STD_VARIABLE = "SLUICE_STD";

/** The import map that sends `@std/*` to npm, as a path. */
export const NPM_IMPORT_MAP = decodeURIComponent(
  new URL("./std/import_map.json", import.meta.url).pathname,
).replace(/^\/(?=[A-Za-z]:)/, "");

const PROBE_TIMEOUT_MS = 2_000;

/**
 * Finds out whether `@std/*` can come from JSR.
 *
 * Deno itself is asked to resolve `jsr:@std/assert`, so its cache, proxy and
 * certificate settings count; no answer within two seconds is a no.
 *
 * @param asked What {@linkcode STD_VARIABLE} says, if anything.
 * @throws {RangeError} The variable holds something else than `jsr` or `npm`.
 */
export async function findStdSource(
  asked: string | undefined = Deno.env.get(STD_VARIABLE),
): Promise<StdSource> {
  if (asked === "jsr" || asked === "npm") return asked;
  if (asked) {
    throw new RangeError(
      `Cannot resolve @std/*: ${STD_VARIABLE} must be jsr or npm, got ${asked}`,
    );
  }
  return await jsrAnswers() ? "jsr" : "npm";
}

/** The flags that `deno run`, `test`, `bench`, `check` and `doc` then need. */
export function importMapFlags(source: StdSource): string[] {
  return source === "npm" ? [`--import-map=${NPM_IMPORT_MAP}`] : [];
}

async function jsrAnswers(): Promise<boolean> {
  const probe = new Deno.Command(Deno.execPath(), {
    // Without a configuration, so that no import map stands in the way.
    args: ["cache", "--no-config", "--quiet", "jsr:@std/assert@^1.0.0"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => probe.kill("SIGKILL"), PROBE_TIMEOUT_MS);
  try {
    return (await probe.status).success;
  } finally {
    clearTimeout(timer);
  }
}
