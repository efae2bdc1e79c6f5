/**
 * What to watch, and how: the JSON configuration, checked.
 *
 * @module
 */

import * as v from "npm:valibot@1.5.0";
import { parseAddress, type ParsedAddress } from "@sluice/net";
import { cleanText, visibleText } from "../_safe_text.ts";

/** The configuration is wrong; the message names the field and what it must be. */
export class ConfigError extends Error {
  static {
    this.prototype.name = "ConfigError";
  }

  /** Says in one line what is wrong. */
  constructor(what: string) {
    super(`Cannot read the configuration: ${what}`);
  }
}

/** The unit of what each check measures. */
export const UNITS = {
  connect: "ms",
  certificate: "days",
  expect: "ms",
  http: "ms",
  throughput: "MB/s",
} as const;

const DAY_MS = 86_400_000;
const PATH = "a path such as /health, of at most 2000 printable letters";
const CERTIFICATE = "-----BEGIN CERTIFICATE";

/** Most bytes that a throughput check may transfer. */
export const MAX_PROBE_BYTES = 64 * 1024 * 1024;

// Every message of a schema is what the field must be: `explain` puts the rest around it.

/** A text of at most `most` characters, all of them to be seen unless `raw`. */
function text(most: number, { raw = false } = {}) {
  const must = `a printable text of 1 to ${most} characters`;
  return v.pipe(
    v.string(must),
    v.minLength(1, must),
    v.maxLength(most, must),
    v.check((value) => raw || cleanText(value) === value, must),
  );
}

function integer(least: number, most: number, fallback: number) {
  const must = `a whole number from ${least} to ${most}`;
  return v.optional(
    v.pipe(
      v.number(must),
      v.integer(must),
      v.minValue(least, must),
      v.maxValue(most, must),
    ),
    fallback,
  );
}

/** An object without other fields: a mistyped name must not go unnoticed. */
function record<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(
    v.unknown(),
    v.check((value) => !Array.isArray(value), "an object"),
    v.strictObject(entries, ({ expected }) => {
      if (expected === "Object") return "an object";
      if (expected === "never") {
        return `only ${Object.keys(entries).join(", ")}`;
      }
      const missing = entries[JSON.parse(expected!)] as { message?: string };
      return missing.message!;
    }),
  );
}

const address = v.pipe(
  text(200),
  v.check((written) => {
    try {
      const address = parseAddress(written);
      return !("port" in address) || address.port !== 0;
    } catch {
      return false;
    }
  }, "HOST:PORT, tls://HOST:PORT or unix:PATH, with a port from 1 to 65535"),
);

/** What all targets have; their names are their addresses, unless told otherwise. */
function common(
  intervalMs: number,
  { at = address, failuresToDown = 3, successesToUp = 2 }: {
    at?: v.GenericSchema<string>;
    failuresToDown?: number;
    successesToUp?: number;
  } = {},
) {
  return {
    address: at,
    /** What people call it. */
    name: v.optional(text(40)),
    /** Milliseconds from check to check. */
    intervalMs: integer(100, DAY_MS, intervalMs),
    /** Longest that one check may take, in milliseconds. */
    timeoutMs: integer(10, 60_000, 3_000),
    /** Failures in a row after which it counts as down. */
    failuresToDown: integer(1, 100, failuresToDown),
    /** Successes in a row after which it counts as up again. */
    successesToUp: integer(1, 100, successesToUp),
  };
}

function kind<const Check extends string>(check: Check) {
  const must = `one of ${Object.keys(UNITS).join(", ")}`;
  return v.optional(v.literal(check, must), check);
}

const SCHEMAS = {
  /** How long it takes to connect. */
  connect: record({ check: kind("connect"), ...common(5_000) }),
  /** How long a TLS certificate is still good, and whether it is trusted. */
  certificate: record({
    check: kind("certificate"),
    // A date changes slowly, and a wrong certificate is no hiccup.
    ...common(3_600_000, {
      at: v.pipe(address, v.startsWith("tls://", "of the form tls://…")),
      failuresToDown: 1,
      successesToUp: 1,
    }),
    /** Fewer days than this are a failure. */
    warnDays: integer(0, 3_650, 14),
    /** Authorities to trust beside the usual ones, as PEM. */
    caCerts: v.optional(
      v.pipe(
        v.array(v.unknown(), "a list of 0 to 20"),
        v.maxLength(20, "a list of 0 to 20"),
        v.check(
          (list) => list.every((each) => String(each).includes(CERTIFICATE)),
          "a list of certificates as PEM",
        ),
        v.transform((list) => list.map(String)),
      ),
      [],
    ),
  }),
  /** Whether it says the right thing. */
  expect: record({
    check: kind("expect"),
    ...common(5_000),
    /** What to send; nothing is sent to servers that speak first. */
    send: v.optional(text(4_096, { raw: true }), "\n"),
    /** What must come back, within the first 64 KiB. */
    expect: text(4_096, { raw: true }),
  }),
  /** Whether a page is served: HTTP, or HTTPS for `tls://`. */
  http: record({
    check: kind("http"),
    ...common(5_000),
    /** What is asked for. */
    path: v.optional(
      v.pipe(
        v.string(PATH),
        v.maxLength(2_000, PATH),
        v.regex(/^\/[!-~]*$/, PATH),
      ),
      "/",
    ),
    /** The status that it must answer with. */
    status: integer(100, 599, 200),
  }),
  /** How fast another monitor's probe can send to us. */
  throughput: record({
    check: kind("throughput"),
    ...common(60_000, {
      at: v.pipe(
        address,
        v.check((text) => !text.startsWith("tls://"), "without tls://"),
      ),
    }),
    /** How much to transfer. */
    bytes: integer(1, MAX_PROBE_BYTES, 8 * 1024 * 1024),
    /** A slower transfer is a failure. */
    minBytesPerSecond: integer(0, 1e12, 0),
  }),
};

/** The schema for a target by its `check`, which each of them looks at again. */
function schemaFor(target: unknown) {
  const { check = "connect" } = Object(target);
  return Object.hasOwn(SCHEMAS, check)
    ? SCHEMAS[check as keyof typeof SCHEMAS]
    : SCHEMAS.connect;
}

const CONFIGURATION = record({
  targets: v.pipe(
    v.array(v.lazy(schemaFor), "a list of 1 to 100"),
    v.minLength(1, "a list of 1 to 100"),
    v.maxLength(100, "a list of 1 to 100"),
  ),
});

type Written = v.InferOutput<typeof CONFIGURATION>["targets"][number];
type Address<Check> = Check extends "certificate"
  ? { hostname: string; port: number; tls: true }
  : ParsedAddress;
type Placed<T extends Written> = T extends Written
  ? Omit<T, "address"> & { name: string; address: Address<T["check"]> }
  : never;

/** One thing to watch. */
export type Target = Placed<Written>;
/** One thing to watch, in one way. */
export type TargetOf<Check extends Target["check"]> = Extract<
  Target,
  { check: Check }
>;

/**
 * Reads the configuration.
 *
 * @param json What to watch.
 * @throws {ConfigError} Something is wrong; the message says in one line what.
 */
export function parseConfig(json: string): Target[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const why = visibleText((error as Error).message.replaceAll(/\s+/g, " "));
    throw new ConfigError(`it must be JSON: ${why}`);
  }
  const { issues, output } = v.safeParse(CONFIGURATION, value, {
    abortEarly: true,
  });
  if (issues !== undefined) throw new ConfigError(explain(issues[0]));
  const targets = output.targets.map((target) => ({
    ...target,
    name: target.name ?? target.address,
    address: parseAddress(target.address),
  } as Target));
  const names = new Set<string>();
  for (const { name } of targets) {
    if (names.has(name)) {
      throw new ConfigError(
        `each name must be used once, got ${show(name)} twice`,
      );
    }
    names.add(name);
  }
  return targets;
}

/** `targets[0].name must be …, got …` */
function explain(issue: v.BaseIssue<unknown>): string {
  const { path = [], message, input, type, expected } = issue;
  const keys = path.map(({ key }) => key);
  const isStranger = type === "strict_object" && expected === "never";
  const got = isStranger ? keys.pop() : input;
  const where = keys.map((key) =>
    typeof key === "number" ? `[${key}]` : `.${key}`
  ).join("").replace(/^\./, "");
  const must = isStranger ? "must have" : "must be";
  return `${where || "it"} ${must} ${message}, got ${show(got)}`;
}

/** A value in a message: short, on one line, with nothing a terminal would obey. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return visibleText(text.length <= 60 ? text : `${text.slice(0, 57)}...`);
}
