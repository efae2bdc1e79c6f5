/** One import of a file of `lib/`, both ends as paths from the root. */
export interface Import {
  from: string;
  /** A path such as `lib/errors.ts`, or the whole specifier of what is outside. */
  to: string;
}

/**
 * What each part of `lib/` may import besides itself.
 *
 * ```text
 * server   framed
 *    \     /   \
 *    socket    codec
 *    /  |  \    |
 * traffic  time bytes
 *    |      |   |
 * transport |   |
 *        \  |  /
 *        errors, addr
 * ```
 *
 * `_check.ts`, `_guard.ts` and `_random.ts` import nothing, and every part may import them.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  _check: [],
  _guard: [],
  _random: [],
  ip: [],
  addr: ["errors", "ip"],
  error_codes: [],
  errors: ["addr", "error_codes"],
  proxy_header: ["errors", "addr", "ip"],
  telemetry: [],
  telemetry_conventions: ["telemetry", "addr"],
  bytes: ["errors", "addr"],
  time: ["errors", "addr"],
  transport: ["proxy_header", "errors", "addr", "ip"],
  traffic: ["transport", "time", "errors", "addr"],
  codec: ["proxy_header", "bytes", "errors", "addr"],
  socket: [
    "telemetry",
    "telemetry_conventions",
    "traffic",
    "transport",
    "time",
    "bytes",
    "errors",
    "addr",
  ],
  framed: ["socket", "codec", "transport", "time", "bytes", "errors", "addr"],
  server: [
    "telemetry",
    "telemetry_conventions",
    "socket",
    "transport",
    "time",
    "bytes",
    "errors",
    "addr",
    "ip",
    "proxy_header",
  ],
  hub: ["framed", "socket", "codec", "time", "bytes", "errors", "addr"],
  client: [
    "telemetry",
    "telemetry_conventions",
    "framed",
    "socket",
    "codec",
    "transport",
    "time",
    "bytes",
    "errors",
    "addr",
    "ip",
  ],
  datagram: [
    "socket",
    "codec",
    "transport",
    "time",
    "bytes",
    "errors",
    "addr",
    "ip",
  ],
  adapters: ["socket", "transport", "time", "bytes", "errors", "addr"],
  workers: [
    "telemetry",
    "telemetry_conventions",
    "server",
    "adapters",
    "framed",
    "socket",
    "codec",
    "transport",
    "time",
    "bytes",
    "errors",
    "addr",
    "ip",
    "proxy_header",
  ],
  permissions: ["transport", "errors", "addr", "ip"],
};

/**
 * What of the runtime's is no global: where tracing tools listen, whose code runs, and the
 * streams of Node, which only programs that use them load.
 */
const OUTSIDE: Record<string, readonly string[]> = {
  "lib/server/_events.ts": ["node:diagnostics_channel"],
  "lib/testing/_run.ts": ["node:async_hooks"],
  "lib/testing/_collect_garbage.ts": ["node:v8", "node:vm"],
  "lib/adapters/from_duplex.ts": ["node:stream"],
  "lib/adapters/to_duplex.ts": ["node:stream"],
};

/** Generated: it names files, and uses none of them. */
const PRELOAD = "lib/_preload.ts";

/** Files at the root of `lib/` that every part may import. */
const MAY_BE_IMPORTED_BY_ALL: ReadonlySet<string> = new Set([
  "lib/_check.ts",
  "lib/_guard.ts",
  "lib/_random.ts",
]);

/** Parts that stand above all others and may import any of them. */
const MAY_IMPORT_ALL: ReadonlySet<string> = new Set(["testing"]);

/** Says in a line each which imports break the architecture. */
export function brokenImports(imports: readonly Import[]): string[] {
  return imports.flatMap((each) => {
    const why = brokenBecause(each);
    return why === undefined ? [] : [`${each.from} imports ${each.to}: ${why}`];
  });
}

function brokenBecause({ from, to }: Import): string | undefined {
  if (OUTSIDE[from]?.includes(to) || from === PRELOAD) return undefined;
  if (!to.startsWith("lib/")) return "lib/ imports nothing from outside";
  const here = partOf(from);
  if (MAY_BE_IMPORTED_BY_ALL.has(to)) return undefined;
  const there = partOf(to);
  if (here === there) return undefined;
  if (/\/_[^/]*$/.test(to)) return "a private file belongs to its folder";
  if (MAY_IMPORT_ALL.has(here)) return undefined;
  const allowed = MAY_IMPORT[here];
  if (allowed === undefined) return `${here} has no place in the architecture`;
  if (allowed.includes(there)) return undefined;
  return `${here} may import ${allowed.join(", ")}, not ${there}`;
}

/** `lib/socket/connect.ts` is part of `socket`, `lib/errors.ts` of `errors`. */
function partOf(path: string): string {
  return path.split("/")[1].replace(/\.ts$/, "");
}

/**
 * Finds a circle of imports. Those of types count: two files that need each other's
 * types cannot be read one after the other.
 *
 * @returns Its files, the first one again at the end, or undefined.
 */
export function findCycle(imports: readonly Import[]): string[] | undefined {
  const next = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const path: string[] = [];

  const visit = (file: string): string[] | undefined => {
    const at = path.indexOf(file);
    if (at !== -1) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const { to } of next.get(file) ?? []) {
      const cycle = visit(to);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };

  for (const file of next.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}
