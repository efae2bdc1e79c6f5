#!/usr/bin/env -S deno run --allow-net=127.0.0.1,localhost
/**
 * Asks a DNS server a question, and prints the answer.
 *
 * @module
 */

import {
  ensurePermissions,
  permissionsFor,
  permissionsForDatagrams,
} from "@sluice/net/permissions";
import {
  addressFlag,
  commandLine,
  integerFlag,
  run,
  stop,
} from "../_command_line.ts";
import { print } from "../_output.ts";
import { visibleText } from "../_safe_text.ts";
import { askServer } from "./ask.ts";
import {
  IN,
  parseName,
  parseType,
  RCODES,
  rcodeText,
  type ResourceRecord,
  typeText,
} from "./message.ts";

const HELP = `
Asks a DNS server a question, and prints the answer, one record a line.

Usage: deno task examples dns/query NAME [TYPE] [--server ADDRESS] [--tcp]
                                    [--timeout SECONDS]

  --server ADDRESS   the server; 127.0.0.1:5300 by default, which is dns/resolver
  --tcp              asks over TCP; by default only where an answer does not fit into a
                     datagram
  --timeout SECONDS  longest to wait, 1 to 60; 5 by default
  --help             shows this text

TYPE is A by default; others are AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT and TYPE65.

Examples:
  deno task examples dns/query www.sluice.test
  deno task examples dns/query sluice.test MX --server 127.0.0.1:5301 --tcp

Exit code: 0 if there was an answer with records, 1 if not, 2 if a flag was wrong.
`;

const decoder = new TextDecoder();

const { flags, switches, texts } = commandLine(HELP, {
  server: "127.0.0.1:5300",
  timeout: "5",
}, { texts: true, switches: ["tcp"] });
const [nameText, typeName = "A", ...more] = texts;
if (nameText === undefined || more.length > 0) {
  stop(
    `Cannot ask: NAME and at most a TYPE must be given, got ${texts.length} texts`,
    2,
  );
}
const type = parseType(typeName);
if (type === undefined) {
  stop(
    `Cannot ask: TYPE must be such as A or MX, got ${visibleText(typeName)}`,
    2,
  );
}
const server = addressFlag("server", flags.server);
if ("path" in server || "tls" in server || server.port === 0) {
  stop(
    `Cannot ask: --server must be a host and a port, got ${flags.server}`,
    2,
  );
}
const timeoutMs = 1_000 *
  integerFlag("timeout", flags.timeout, { least: 1, most: 60 });
const name = nameArgument(nameText);

await run(async () => {
  await ensurePermissions(
    permissionsForDatagrams({ port: 0 }, { sendsTo: [server.hostname] }),
  );
  await ensurePermissions(permissionsFor(server, { action: "connect" }));
  const answer = await askServer(
    { name, type, class: IN },
    { server, tcp: switches.tcp, timeoutMs },
  );
  for (const record of answer.answers) print(lineOf(record));
  if (answer.rcode !== RCODES.NOERROR) {
    stop(`The server says ${rcodeText(answer.rcode)}`);
  }
  if (answer.answers.length === 0) {
    stop(`There is no record of type ${typeText(type)} for ${name}`);
  }
});

function nameArgument(text: string): string {
  try {
    return parseName(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    stop(visibleText(error.message), 2);
  }
}

/** A record as a zone file has it. */
function lineOf(record: ResourceRecord): string {
  return visibleText(
    `${record.name} ${record.ttl} ${typeText(record.type)} ${dataOf(record)}`,
    Infinity,
  );
}

function dataOf(record: ResourceRecord): string {
  if ("bytes" in record) {
    return `\\# ${record.bytes.length} ${record.bytes.toHex()}`;
  }
  switch (record.type) {
    case "A":
    case "AAAA":
      return record.address;
    case "CNAME":
    case "NS":
    case "PTR":
      return record.target;
    case "MX":
      return `${record.preference} ${record.exchange}`;
    case "TXT":
      return record.texts.map(textOf).join(" ");
    case "SRV": {
      const { priority, weight, port, target } = record;
      return `${priority} ${weight} ${port} ${target}`;
    }
    case "SOA": {
      const { primary, mailbox, serial, refresh, retry, expire, minimum } =
        record;
      return [primary, mailbox, serial, refresh, retry, expire, minimum]
        .join(" ");
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return `"${decoder.decode(bytes).replace(/["\\]/g, "\\$&")}"`;
}
