#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A network monitor: checks hosts and ports, shows a table and a web page with live
 * charts, and says when something goes down or comes back.
 *
 * @module
 */

import { resolve } from "node:path";
import { formatAddress } from "@sluice/net";
import {
  ensurePermissions,
  type PermissionPlan,
  permissionsFor,
} from "@sluice/net/permissions";
import { commandLine, listenFlag, run, stop, UNSET } from "../_command_line.ts";
import { complain } from "../_log.ts";
import { visibleText } from "../_safe_text.ts";
import { permissionToRead, whyUnreadable } from "../_unreadable.ts";
import { ConfigError, parseConfig, type Target } from "./config.ts";
import { History } from "./history.ts";
import { type Alert, Monitor } from "./monitor.ts";
import { serveProbe } from "./probe.ts";
import sample from "./sample.json" with { type: "text" };
import { formatAlert } from "./table.ts";
import { Screen } from "./screen.ts";
import { servePage } from "./web.ts";
import { Webhook } from "./webhook.ts";

const HELP = `
A network monitor: checks, alerts, a history and a live page. Ctrl-C ends it.

Usage: deno task examples monitor/watch [--config FILE] [--once] [...]

  --config FILE    what to watch, as JSON; "stdin" for standard input. By default
                   the monitor watches itself.
  --once           checks everything once, prints the table and ends: with exit
                   code 0 if all is well, 1 if not. For cron.
  --webhook URL    sends each alert there as JSON (POST), off by default; its "text"
                   is what chat programs show
  --history FILE   keeps results in this SQLite file; in memory by default
  --web ADDRESS    where the web page is; 127.0.0.1:8080 by default, or "off".
                   It has no password.
  --probe ADDRESS  where to answer throughput probes of other monitors;
                   127.0.0.1:7070 by default, or "off"
  --help           shows this text

Examples:
  deno task examples monitor/watch
  deno task examples monitor/watch --once --config stdin < targets.json

What is not on 127.0.0.1 must be allowed to Deno as well; the monitor says how.
`;

const { flags, switches } = commandLine(HELP, {
  config: UNSET,
  history: UNSET,
  webhook: "off",
  web: "127.0.0.1:8080",
  probe: "127.0.0.1:7070",
}, { switches: ["once"] });
// What it watches by default is itself, which has to be there for that.
const isSilent = switches.once && flags.config !== UNSET;
const isOff = (flag: string) => isSilent || flag === "off";
const web = isOff(flags.web) ? undefined : webFlag(flags.web);
const webhook = flags.webhook === "off" ? undefined : urlFlag(flags.webhook);
const probe = isOff(flags.probe) ? undefined : listenFlag("probe", flags.probe);

await run(async () => {
  const targets = await readTargets(flags.config);
  await ensurePermissions(
    ...[web, probe].filter((address) => address !== undefined)
      .map((address) => permissionsFor(address, { action: "listen" })),
    ...targets.map(({ address }) =>
      permissionsFor(address, { action: "connect" })
    ),
    ...webhook === undefined ? [] : [webhookPlan(webhook)],
    ...flags.history === UNSET ? [] : [historyPlan(flags.history)],
  );
  using history = openHistory(flags.history);
  if (switches.once) await checkOnce(targets, history);
  else await watch(targets, history);
});

function urlFlag(value: string): URL {
  const url = URL.parse(value);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  stop("Cannot run: --webhook must be a URL with http:// or https://", 2);
}

/** Deno's own `fetch` goes there, which is allowed by host and port. */
function webhookPlan({ protocol, hostname, port }: URL): PermissionPlan {
  const host = `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
  return {
    purpose: `send alerts to ${host}`,
    flags: [`--allow-net=${host}`],
    descriptors: [{ name: "net", host }],
    unstable: [],
  };
}

function webFlag(value: string): { hostname: string; port: number } {
  const address = listenFlag("web", value);
  if ("port" in address) return address;
  stop(
    `Cannot listen: --web must be HOST:PORT, got ${value}`,
    2,
  );
}

async function checkOnce(targets: Target[], history: History): Promise<void> {
  await using hook = webhook &&
    new Webhook(webhook, (why) => complain(undelivered(why)));
  const monitor = new Monitor(targets, history, {
    onAlert: (alert) => {
      tell(alert);
      hook?.tell(alert);
    },
    onLoss: (why) => complain(lossOf(why)),
  });
  await using _answering = probe && serveProbe(probe);
  await using _page = web && servePage(web, monitor);
  const isWell = await monitor.checkOnce();
  new Screen(monitor).finish();
  if (!isWell) Deno.exitCode = 1;
}

async function watch(targets: Target[], history: History): Promise<void> {
  const stopping = new AbortController();
  const onSignal = () => stopping.abort();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const each of signals) Deno.addSignalListener(each, onSignal);

  const monitor = new Monitor(targets, history, {
    onSample: (index, sample) => {
      screen.draw();
      page?.sample(index, sample);
    },
    onAlert: (alert) => {
      screen.alert(alert);
      hook?.tell(alert);
      page?.alert(alert);
    },
    onLoss: (why) => screen.say(lossOf(why)),
  });
  const screen = new Screen(monitor);
  await using hook = webhook &&
    new Webhook(webhook, (why) => screen.say(undelivered(why)));
  await using answering = probe && serveProbe(probe);
  const onError = (message: string) => screen.say(message);
  await using page = web && servePage({ ...web, onError }, monitor);
  await answering?.ready;
  if (page) screen.say(`the page is at http://${formatAddress(page.addr)}/`);
  if (answering) {
    screen.say(`answering probes on ${formatAddress(answering.addr)}`);
  }
  screen.say(`watching ${targets.length} targets; Ctrl-C ends it`);
  await monitor.run(stopping.signal);
  screen.finish();
  for (const each of signals) Deno.removeSignalListener(each, onSignal);
}

async function readTargets(path: string): Promise<Target[]> {
  try {
    return parseConfig(await readConfig(path));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    stop(`${path}: ${error.message}`, 2);
  }
}

async function readConfig(path: string): Promise<string> {
  if (path === UNSET) return sample;
  if (path === "stdin") return await new Response(Deno.stdin.readable).text();
  await ensurePermissions(permissionToRead(path));
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    stop(visibleText(`Cannot read ${path}: ${whyUnreadable(error, path)}`));
  }
}

function historyPlan(path: string): PermissionPlan {
  return {
    purpose: `keep the history in ${path}`,
    flags: [`--allow-read=${path}`, `--allow-write=${path}`],
    descriptors: [{ name: "read", path }, { name: "write", path }],
    unstable: [],
  };
}

function openHistory(path: string): History {
  try {
    return new History(
      // Whole: SQLite has a meaning of its own for names such as ":memory:".
      path === UNSET ? undefined : resolve(path),
    );
  } catch (error) {
    stop(`Cannot keep the history in ${path}: ${(error as Error).message}`);
  }
}

/** To standard error, so that cron mails it also when the table is thrown away. */
function tell(alert: Alert): void {
  complain(formatAlert(alert));
}

function undelivered(why: string): string {
  return `an alert did not reach the webhook: ${visibleText(why)}`;
}

function lossOf(why: string): string {
  return `the history cannot be kept: ${why}; results are shown and lost`;
}
