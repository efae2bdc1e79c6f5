/**
 * The checks. None of them trusts its target: whatever it does, a check ends
 * within its time limit and a bounded amount of memory.
 *
 * @module
 */

import { connect, Deadline } from "@sluice/net";
import { CheckFailed, type Outcome, reasonOf } from "./_outcome.ts";
import { inspectCertificate } from "./certificate.ts";
import type { Target, TargetOf } from "./config.ts";
import { probe } from "./probe.ts";

export type { Outcome };

/**
 * Checks a target once.
 *
 * @param target What to check, and how.
 * @param signal Cancels the check, which then rejects with its reason.
 */
export async function runCheck(
  target: Target,
  signal?: AbortSignal,
): Promise<Outcome> {
  try {
    switch (target.check) {
      case "connect":
        return await checkConnect(target, signal);
      case "certificate":
        return await checkCertificate(target, signal);
      case "expect":
        return await checkExpect(target, signal);
      case "http":
        return await checkHttp(target, signal);
      case "throughput":
        return await checkThroughput(target, signal);
    }
  } catch (error) {
    const detail = reasonOf(error);
    if (signal?.aborted || detail === undefined) throw error;
    return { ok: false, value: null, detail };
  }
}

async function checkConnect(
  { address, timeoutMs }: TargetOf<"connect">,
  signal?: AbortSignal,
): Promise<Outcome> {
  const started = performance.now();
  using _ = await connect({ ...address, timeoutMs, signal });
  return { ok: true, value: performance.now() - started, detail: "" };
}

async function checkCertificate(
  { address, caCerts, timeoutMs, warnDays }: TargetOf<"certificate">,
  signal?: AbortSignal,
): Promise<Outcome> {
  const { daysLeft, problem } = await inspectCertificate(address, {
    caCerts,
    timeoutMs,
    signal,
  });
  const isShort = daysLeft < warnDays;
  return {
    ok: problem === undefined && !isShort,
    value: daysLeft,
    detail: problem ?? (isShort ? `fewer than ${warnDays} days left` : ""),
  };
}

async function checkExpect(
  { address, expect, send, timeoutMs }: TargetOf<"expect">,
  signal?: AbortSignal,
): Promise<Outcome> {
  // One limit for all of it: a target that drips bytes gets no longer.
  using deadline = Deadline.after(timeoutMs, { signal });
  using socket = await connect({ ...address, timeoutMs, signal });
  const started = performance.now();
  await socket.write(send, { deadline });
  await socket.readUntil(expect, { deadline, maxBytes: 64 * 1024 });
  return { ok: true, value: performance.now() - started, detail: "" };
}

async function checkHttp(
  { address, path, status, timeoutMs }: TargetOf<"http">,
  signal?: AbortSignal,
): Promise<Outcome> {
  using deadline = Deadline.after(timeoutMs, { signal });
  using socket = await connect({ ...address, timeoutMs, signal });
  const started = performance.now();
  await socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${hostOf(address)}\r\n` +
      "User-Agent: sluice-monitor\r\nConnection: close\r\n\r\n",
    { deadline },
  );
  // The rest of the answer is left to the connection's end.
  const line = await socket.readLine({ deadline, maxBytes: 1_024 });
  if (line === null) throw new CheckFailed("hung up");
  const [, answered] = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(line) ?? [];
  if (answered === undefined) throw new CheckFailed("its answer is no HTTP");
  const ok = Number(answered) === status;
  return {
    ok,
    value: performance.now() - started,
    detail: ok ? "" : `answered ${answered}, not ${status}`,
  };
}

/** As a browser would write it: without the port that goes without saying. */
function hostOf(address: TargetOf<"http">["address"]): string {
  if (!("port" in address)) return "localhost";
  const { hostname, port } = address;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return port === ("tls" in address ? 443 : 80) ? host : `${host}:${port}`;
}

async function checkThroughput(
  { address, bytes, minBytesPerSecond, timeoutMs }: TargetOf<"throughput">,
  signal?: AbortSignal,
): Promise<Outcome> {
  const rate = await probe(address, { bytes, timeoutMs, signal });
  if (!Number.isFinite(rate)) throw new CheckFailed("too short to be timed");
  const isSlow = rate < minBytesPerSecond;
  return {
    ok: !isSlow,
    value: rate / 1e6,
    detail: isSlow ? `slower than ${minBytesPerSecond / 1e6} MB/s` : "",
  };
}
