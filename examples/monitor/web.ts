/**
 * The web page: a few files, the state as JSON, and what happens as it happens.
 *
 * @module
 */

// As text: read with the program itself, so that serving them takes no permission.
import chartScript from "npm:uplot@1.6.32/dist/uPlot.iife.min.js" with {
  type: "text",
};
import chartStyle from "npm:uplot@1.6.32/dist/uPlot.min.css" with {
  type: "text",
};
import page from "./web/page.html" with { type: "text" };
import script from "./web/page.js" with { type: "text" };
import style from "./web/page.css" with { type: "text" };
import { EventStream } from "./event_stream.ts";
import type { Alert, Monitor, Status } from "./monitor.ts";
import { formatAlert } from "./table.ts";
import {
  formatShare,
  formatValue,
  type Sample,
  type Summary,
} from "./statistics.ts";

/** The page, open to browsers until it is disposed of. */
export interface WebPage extends AsyncDisposable {
  /** Where it is. */
  readonly addr: Deno.NetAddr;
  /** Tells the open pages of a result. */
  sample(index: number, sample: Sample): void;
  /** Tells the open pages of an alert. */
  alert(alert: Alert): void;
}

/** Alerts that a page which is opened later still sees. */
const MAX_ALERTS = 50;

const FILES: Record<string, [type: string, body: string] | undefined> = {
  "/": ["text/html", page],
  "/page.js": ["text/javascript", script],
  "/page.css": ["text/css", style],
  "/uplot.js": ["text/javascript", chartScript],
  "/uplot.css": ["text/css", chartStyle],
};

const SECURITY = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/**
 * Serves the page.
 *
 * @throws {Deno.errors.AddrInUse} Something else listens there.
 */
export function servePage(
  { hostname, port }: { hostname: string; port: number },
  monitor: Monitor,
): WebPage {
  const events = new EventStream();
  const alerts: string[] = [];
  const snapshot = () => ({
    alerts,
    targets: monitor.statuses.map((status, index) => ({
      ...stateOf(status),
      samples: monitor.samples(index).map(pointOf),
    })),
  });

  function answer(request: Request): Response {
    const { pathname, hostname: asked } = new URL(request.url);
    if (isLoopback(hostname) && !isLoopback(asked)) {
      // A page of somebody else's, whose name was made to point here.
      return refuse(403, "this page is for this machine only");
    }
    if (request.method !== "GET") return refuse(405, "only GET is answered");
    const file = FILES[pathname];
    if (file !== undefined) return respond(...file);
    if (pathname === "/state.json") {
      return respond("application/json", JSON.stringify(snapshot()));
    }
    if (pathname === "/events") {
      const stream = events.subscribe("snapshot", snapshot());
      return stream === undefined
        ? refuse(503, "too many pages are open")
        : respond("text/event-stream", stream);
    }
    return refuse(404, "there is no such page");
  }

  const server = Deno.serve(
    { hostname, port, onListen: () => {} },
    answer,
  );
  return {
    addr: server.addr,
    sample(index, sample) {
      if (events.size === 0) return;
      const state = stateOf(monitor.status(index));
      events.send("sample", { index, state, point: pointOf(sample) });
    },
    alert(alert) {
      const line = formatAlert(alert);
      alerts.unshift(line);
      alerts.length = Math.min(alerts.length, MAX_ALERTS);
      events.send("alert", line);
    },
    async [Symbol.asyncDispose]() {
      events[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

/** What a page shows of a target, in words. */
function stateOf(status: Status) {
  const { name, address, check, unit, health, words, last, summary } = status;
  return {
    ...{ name, address, check, unit, health, words },
    detail: last?.detail ?? "",
    last: formatValue(last?.value ?? null, unit),
    ...wordsOf(summary, unit),
  };
}

function wordsOf({ availability, checks, median, p95 }: Summary, unit: string) {
  return {
    checks,
    median: formatValue(median, unit),
    p95: formatValue(p95, unit),
    availability: formatShare(availability),
  };
}

/** What a chart needs: seconds, as uPlot counts time; the value; and whether all was well. */
function pointOf({ at, value, ok }: Sample): [number, number | null, boolean] {
  return [at / 1_000, value, ok];
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(hostname);
}

function respond(type: string, body: BodyInit): Response {
  return new Response(body, {
    headers: { ...SECURITY, "content-type": `${type}; charset=utf-8` },
  });
}

function refuse(status: number, why: string): Response {
  return new Response(`${why}\n`, { status, headers: SECURITY });
}
