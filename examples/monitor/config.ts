/**
 * What to watch, and how: the JSON configuration, checked.
 *
 * @module
 */

import { parseAddress, type ParsedAddress } from "@sluice/net";
import { visibleText } from "../_safe_text.ts";
import { ConfigError, Fields, show } from "./_fields.ts";

export { ConfigError };

/** What every target has. */
interface CommonTarget {
  /** What people call it. */
  name: string;
  /** Where it is. */
  address: ParsedAddress;
  /** Milliseconds from check to check. */
  intervalMs: number;
  /** Longest that one check may take, in milliseconds. */
  timeoutMs: number;
  /** Failures in a row after which it counts as down. */
  failuresToDown: number;
  /** Successes in a row after which it counts as up again. */
  successesToUp: number;
}

/** How long it takes to connect. */
export interface ConnectTarget extends CommonTarget {
  check: "connect";
}

/** How long a TLS certificate is still good, and whether it is trusted. */
export interface CertificateTarget extends CommonTarget {
  check: "certificate";
  address: { hostname: string; port: number; tls: true };
  /** Fewer days than this are a failure. */
  warnDays: number;
  /** Authorities to trust beside the usual ones, as PEM. */
  caCerts: string[];
}

/** Whether it says the right thing. */
export interface ExpectTarget extends CommonTarget {
  check: "expect";
  /** What to send; may be empty, for servers that speak first. */
  send: string;
  /** What must come back, within the first 64 KiB. */
  expect: string;
}

/** How fast another monitor's probe can send to us. */
export interface ThroughputTarget extends CommonTarget {
  check: "throughput";
  /** How much to transfer. */
  bytes: number;
  /** A slower transfer is a failure. */
  minBytesPerSecond: number;
}

/** One thing to watch. */
export type Target =
  | ConnectTarget
  | CertificateTarget
  | ExpectTarget
  | ThroughputTarget;

/** The unit of what each check measures. */
export const UNITS = {
  connect: "ms",
  certificate: "days",
  expect: "ms",
  throughput: "MB/s",
} as const;

const CHECKS = ["connect", "certificate", "expect", "throughput"] as const;
const DAY_MS = 86_400_000;

/** How often, unless the configuration says otherwise: a date changes slowly. */
const INTERVALS_MS = {
  connect: 5_000,
  certificate: 3_600_000,
  expect: 5_000,
  throughput: 60_000,
};

/** Most bytes that a throughput check may transfer. */
export const MAX_PROBE_BYTES = 64 * 1024 * 1024;

/**
 * Reads the configuration.
 *
 * @param text JSON.
 * @throws {ConfigError} Something is wrong; the message says in one line what.
 */
export function parseConfig(text: string): Target[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = visibleText((error as Error).message.replaceAll(/\s+/g, " "));
    throw new ConfigError(
      `Cannot read the configuration: it must be JSON: ${why}`,
    );
  }
  const fields = new Fields("", value);
  const targets = fields.list("targets", { least: 1, most: 100 })
    .map((each, index) => parseTarget(new Fields(`targets[${index}]`, each)));
  fields.end();
  const names = new Set<string>();
  for (const { name } of targets) {
    if (names.has(name)) {
      throw new ConfigError(
        `Cannot read the configuration: each name must be used once, ` +
          `got ${show(name)} twice`,
      );
    }
    names.add(name);
  }
  return targets;
}

function parseTarget(fields: Fields): Target {
  const check = fields.choice("check", CHECKS, "connect");
  const written = fields.text("address");
  const common = {
    name: fields.text("name", { fallback: written, most: 40 }),
    address: parseTargetAddress(fields, written),
    intervalMs: fields.integer("intervalMs", {
      least: 100,
      most: DAY_MS,
      fallback: INTERVALS_MS[check],
    }),
    timeoutMs: fields.integer("timeoutMs", {
      least: 10,
      most: 60_000,
      fallback: 3_000,
    }),
    failuresToDown: fields.integer("failuresToDown", {
      least: 1,
      most: 100,
      // A wrong certificate is no hiccup.
      fallback: check === "certificate" ? 1 : 3,
    }),
    successesToUp: fields.integer("successesToUp", {
      least: 1,
      most: 100,
      fallback: check === "certificate" ? 1 : 2,
    }),
  };
  const target = withCheck(check, common, fields);
  fields.end();
  return target;
}

function withCheck(
  check: Target["check"],
  common: CommonTarget,
  fields: Fields,
): Target {
  const { address } = common;
  switch (check) {
    case "connect":
      return { ...common, check };
    case "certificate":
      if (!("tls" in address)) fields.refuse("address", "of the form tls://…");
      return {
        ...common,
        check,
        address,
        warnDays: fields.integer("warnDays", {
          least: 0,
          most: 3_650,
          fallback: 14,
        }),
        caCerts: fields.list("caCerts", { most: 20 }).map((each) =>
          typeof each === "string" && each.includes("-----BEGIN CERTIFICATE")
            ? each
            : fields.refuse("caCerts", "a list of certificates as PEM")
        ),
      };
    case "expect":
      return {
        ...common,
        check,
        send: fields.text("send", { fallback: "\n", most: 4_096, raw: true }),
        expect: fields.text("expect", { most: 4_096, raw: true }),
      };
    case "throughput":
      if ("tls" in address) fields.refuse("address", "without tls://");
      return {
        ...common,
        check,
        bytes: fields.integer("bytes", {
          least: 1,
          most: MAX_PROBE_BYTES,
          fallback: 8 * 1024 * 1024,
        }),
        minBytesPerSecond: fields.integer("minBytesPerSecond", {
          least: 0,
          most: 1e12,
          fallback: 0,
        }),
      };
  }
}

function parseTargetAddress(fields: Fields, written: string): ParsedAddress {
  try {
    const address = parseAddress(written);
    if (!("port" in address) || address.port !== 0) return address;
  } catch {
    // What it must be is said below, for every way of being wrong.
  }
  fields.refuse(
    "address",
    "HOST:PORT, tls://HOST:PORT or unix:PATH, with a port from 1 to 65535",
  );
}
