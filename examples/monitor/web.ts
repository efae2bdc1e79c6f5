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
import { isIP } from "node:net";
import { formatAddress, type Socket } from "@sluice/net";
import { addressOf } from "../_pending_connections.ts";
import { visibleText } from "../_safe_text.ts";
import { EventStream, formatEvent } from "./event_stream.ts";
import {
  type HttpRequest,
  type HttpResponse,
  refuse,
  serveHttp,
} from "./http_server.ts";
import type { Alert, Monitor, Status } from "./monitor.ts";
import { Throttled } from "./throttled.ts";
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
/**
 * All that is known is made into text at most this often, for all who ask meanwhile:
 * it is a small request with a large answer.
 */
const SNAPSHOT_MS = 200;

const encoder = new TextEncoder();

const FILES: ReadonlyMap<string, [type: string, body: Uint8Array]> = new Map([
  ["/", ["text/html", encoder.encode(page)]],
  ["/page.js", ["text/javascript", encoder.encode(script)]],
  ["/page.css", ["text/css", encoder.encode(style)]],
  ["/uplot.js", ["text/javascript", encoder.encode(chartScript)]],
  ["/uplot.css", ["text/css", encoder.encode(chartStyle)]],
]);

const SECURITY = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Where the page is, and what is called with an error in it. */
export interface PageOptions {
  hostname: string;
  port: number;
  /** Called with what went wrong in here, in words. */
  onError?: (message: string) => void;
}

/**
 * Serves the page.
 *
 * @throws {BrokenError} Something else listens there.
 */
export function servePage(
  { hostname, port, onError = () => {} }: PageOptions,
  monitor: Pick<Monitor, "statuses" | "status" | "samples">,
): WebPage {
  const events = new EventStream();
  const alerts: string[] = [];
  const snapshots = new Throttled(SNAPSHOT_MS, () => {
    const targets = monitor.statuses.map((status, index) => ({
      ...stateOf(status),
      samples: monitor.samples(index).map(pointOf),
    }));
    const state = { alerts, targets };
    return {
      json: encoder.encode(JSON.stringify(state)),
      event: formatEvent("snapshot", state),
    };
  });

  /** Whether a page with this host is ours: a name can be made to point here, no address can. */
  function isOwnHost(host: string): boolean {
    if (host === hostname || isLoopback(host)) return true;
    return !isLoopback(hostname) && isIP(host.replace(/^\[|\]$/g, "")) > 0;
  }

  async function answer(
    request: HttpRequest,
    socket: Socket,
  ): Promise<HttpResponse> {
    const { path, host } = request;
    if (!isOwnHost(host)) {
      // Another site's page, whose name was made to point here.
      const name = `http://${formatAddress(server.addr)}/`;
      return refuse(403, `open this page by its address, such as ${name}`);
    }
    if (isFromElsewhere(request)) {
      return refuse(403, "this is for the monitor's own page");
    }
    const file = FILES.get(path);
    if (file !== undefined) return respond(...file);
    if (path === "/state.json") {
      const state = await snapshots.get(({ json }) => json);
      return respond("application/json", state);
    }
    if (path === "/events") return listen(addressOf(socket));
    return refuse(404, "there is no such page");
  }

  function listen(address: string): HttpResponse {
    if (!events.hasRoomFor(address)) return full();
    return respond("text/event-stream", async (socket) => {
      // In the same turn: nothing that happens is missed, or told twice.
      const listener = await snapshots.get(({ event }) =>
        events.add(socket, address, event)
      );
      await listener?.gone;
    });
  }

  const server = serveHttp({
    hostname,
    port,
    answer,
    onError: (error) => onError(visibleText(String(error))),
  });
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
      snapshots[Symbol.dispose]();
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
    detail: visibleText(last?.detail ?? ""),
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

/**
 * Whether another site's page asks, by what browsers say of that themselves. A link
 * that is followed to here is fine: the other page sees nothing of it.
 */
function isFromElsewhere({ headers, path }: HttpRequest): boolean {
  const site = headers.get("sec-fetch-site") ?? "none";
  const origin = headers.get("origin");
  if (origin !== undefined && origin !== `http://${headers.get("host")}`) {
    return true;
  }
  if (site === "none" || site === "same-origin") return false;
  return path !== "/" || headers.get("sec-fetch-dest") !== "document";
}

function respond(type: string, body: HttpResponse["body"]): HttpResponse {
  const headers = { ...SECURITY, "content-type": `${type}; charset=utf-8` };
  return { status: 200, headers, body };
}

function full(): HttpResponse {
  return refuse(503, "too many pages are open", { "retry-after": "5" });
}
