/**
 * A DNS server on one port, over UDP and TCP: which queries are answered, and how large the
 * answers are.
 *
 * The address of a datagram proves nothing. So over UDP no answer is larger than 1,232 bytes,
 * nor than the query says that its sender takes, and each address gets so many answers a
 * second. A client that wants more comes by TCP.
 *
 * @module
 */

import {
  formatAddress,
  framed,
  lengthPrefixed,
  MalformedFrameError,
  serve,
  type Server,
  type Socket,
  SocketError,
} from "@sluice/net";
import {
  datagram,
  type DatagramSocket,
  serveDatagrams,
} from "@sluice/net/datagram";
import { logDrain } from "../_drain.ts";
import { complain, log } from "../_log.ts";
import { visibleText } from "../_safe_text.ts";
import { AnswerLimits } from "./answer_limits.ts";
import {
  ANY,
  AXFR,
  decodeMessage,
  encodeMessage,
  HEADER_BYTES,
  IN,
  IXFR,
  MAX_MESSAGE_BYTES,
  MAX_UDP_BYTES,
  type Message,
  PLAIN_UDP_BYTES,
  type Question,
  RCODES,
  rcodeText,
  replyTo,
  typeNumber,
  typeText,
} from "./message.ts";

/** What a query is answered with. */
export interface Answer extends Partial<Message> {
  /** What the log says of it beside its code. */
  note?: string;
}

/** Where to listen, and what to answer. */
export interface ServeDnsOptions {
  hostname: string;
  /** The port of both; 0 for one that is free. */
  port: number;
  /** Answers a question of class IN. What it throws is a SERVFAIL. */
  answer: (
    question: Question,
    context: { hostname: string; query: Message },
  ) => Answer | Promise<Answer>;
  /**
   * Most answers a second over UDP to one address; twice as many at once.
   *
   * @default {100}
   */
  answersPerSecond?: number;
}

/** Larger than any query that makes sense. */
const MAX_QUERY_BYTES = 4_096;
/** Queries that are in work at a time. */
const MAX_IN_FLIGHT = 1_000;
/** Longest that a connection may take to send a query, and to take an answer. */
const CLIENT_MS = 10_000;
/** Ports that are tried where one is free for TCP and taken for UDP. */
const MAX_TRIES = 20;

const FRAMES = lengthPrefixed({
  lengthBytes: 2,
  maxFrameBytes: MAX_QUERY_BYTES,
});

/** A DNS server that runs. */
export interface DnsServer extends AsyncDisposable {
  /** Where it listens, over UDP and TCP. */
  readonly addr: Deno.NetAddr;
  /** Resolves when it has ended: by a signal of the system, or because it was closed. */
  readonly closed: Promise<void>;
  /** Ends it: what it works on is answered first, for three seconds at most. */
  close(): Promise<void>;
}

/** Starts a server. Ctrl-C and SIGTERM end it. */
export async function serveDns(options: ServeDnsOptions): Promise<DnsServer> {
  const { answersPerSecond = 100 } = options;
  const limits = new AnswerLimits(answersPerSecond);
  const { server, socket } = await bind(options, async (connection) => {
    const frames = framed(connection, FRAMES, { frameTimeoutMs: CLIENT_MS });
    while (true) {
      const data = await frames.receive({ timeoutMs: CLIENT_MS });
      if (data === null) return;
      const { remoteAddr } = connection;
      const hostname = "hostname" in remoteAddr ? remoteAddr.hostname : "";
      const answer = await answerTo(data, { options, hostname, udp: false });
      // What is no query gets no answer, and no second try.
      if (answer === undefined) return;
      await frames.send(answer);
    }
  });

  const serving = serveDatagrams(socket, ({ data, from }) => {
    switch (limits.judge(from)) {
      case "drop":
        return undefined;
      case "truncate":
        return truncatedAnswerTo(data);
      case "answer":
        return answerTo(data, {
          options,
          hostname: from.hostname,
          udp: true,
        });
    }
  }, {
    maxInFlight: MAX_IN_FLIGHT,
    onError(error) {
      // A client that cannot be reached is no error of the server.
      if (!(error instanceof SocketError)) complain(error);
      else if (error.code === "permission") complainOnce(error.message);
    },
  });
  const closed = server.closed.then(async () => {
    await socket.close();
    await serving;
  });
  return {
    addr: socket.localAddr,
    closed,
    async close() {
      await server.shutdown({ timeoutMs: 3_000 });
      await closed;
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown({ timeoutMs: 0 });
      await closed;
    },
  };
}

/** Both on one port. */
async function bind(
  { hostname, port }: ServeDnsOptions,
  handler: (socket: Socket) => Promise<void>,
): Promise<
  { server: Server<Deno.NetAddr>; socket: DatagramSocket<Deno.NetAddr> }
> {
  for (let tries = 1;; tries++) {
    const socket = await datagram({
      hostname,
      port,
      maxDatagramBytes: MAX_QUERY_BYTES,
    });
    try {
      const server = serve({
        hostname,
        port: socket.localAddr.port,
        maxConnections: 500,
        maxConnectionsPerAddress: 50,
        onLimit: "reject",
        idleMs: CLIENT_MS,
        writeMs: CLIENT_MS,
        drainOnSignals: true,
        shutdownTimeoutMs: 3_000,
        onEvent: logDrain,
        onError(error) {
          // A connection that a client breaks is no error of the server.
          if (!(error instanceof SocketError)) complain(error);
        },
      }, handler);
      return { server, socket };
    } catch (error) {
      await socket.close();
      if (port !== 0 || tries === MAX_TRIES) throw error;
    }
  }
}

let hasComplained = false;
/** As each answer may fail in the same way. */
function complainOnce(message: string): void {
  if (hasComplained) return;
  hasComplained = true;
  complain(visibleText(message));
}

/** The query in these bytes; or what to answer, if it is none. */
function readQuery(
  data: Uint8Array,
): { query: Message } | { answer: Uint8Array | undefined } {
  // What says that it is an answer is not answered: two servers would never stop.
  if (data.length < HEADER_BYTES || (data[2] & 0x80) !== 0) {
    return { answer: undefined };
  }
  try {
    return { query: decodeMessage(data) };
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    const answer = new Uint8Array(HEADER_BYTES);
    answer.set(data.subarray(0, 2));
    answer[2] = 0x80 | data[2] & 0x79;
    answer[3] = RCODES.FORMERR;
    return { answer };
  }
}

function truncatedAnswerTo(data: Uint8Array): Uint8Array | undefined {
  const read = readQuery(data);
  if ("answer" in read || read.query.questions.length !== 1) return undefined;
  return encodeMessage(replyTo(read.query, { isTruncated: true }));
}

async function answerTo(
  data: Uint8Array,
  { options, hostname, udp }: {
    options: ServeDnsOptions;
    hostname: string;
    udp: boolean;
  },
): Promise<Uint8Array | undefined> {
  const read = readQuery(data);
  if ("answer" in read) return read.answer;
  const { query } = read;
  const { note = "", ...said } = await decide(query, options, hostname);
  const reply = replyTo(query, said);
  if (reply.edns === undefined && reply.rcode > 15) {
    reply.rcode = RCODES.SERVFAIL;
  }
  const maxBytes = udp ? udpLimit(query) : MAX_MESSAGE_BYTES;
  let answer: Uint8Array;
  try {
    answer = encodeMessage(reply, { maxBytes });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    answer = encodeMessage(replyTo(query, { rcode: RCODES.SERVFAIL }));
  }
  const [question] = query.questions;
  const asked = question === undefined
    ? "nothing"
    : `${visibleText(question.name)} ${typeText(question.type)}`;
  const truncated = (answer[2] & 0x02) === 0 ? "" : ", truncated";
  log(
    `${visibleText(hostname)} asked for ${asked} over ${udp ? "UDP" : "TCP"}: ${
      rcodeText(reply.rcode)
    }, ${answer.length} bytes${truncated}${note && `, ${visibleText(note)}`}`,
  );
  return answer;
}

/** Most bytes that a client takes over UDP, and that are sent to it. */
function udpLimit({ edns }: Message): number {
  const taken = Math.max(edns?.payloadBytes ?? 0, PLAIN_UDP_BYTES);
  return Math.min(taken, MAX_UDP_BYTES);
}

async function decide(
  query: Message,
  { answer }: ServeDnsOptions,
  hostname: string,
): Promise<Answer> {
  if (query.opcode !== 0) return { rcode: RCODES.NOTIMP };
  const [question, ...more] = query.questions;
  if (question === undefined || more.length > 0) {
    return { rcode: RCODES.FORMERR, questions: [] };
  }
  if (query.edns !== undefined && query.edns.version > 0) {
    return { rcode: RCODES.BADVERS };
  }
  const type = typeNumber(question.type);
  if (question.class !== IN || type === AXFR || type === IXFR) {
    return { rcode: RCODES.REFUSED };
  }
  // RFC 8482: ANY serves floods more than anything else.
  if (type === ANY) return { rcode: RCODES.NOTIMP };
  try {
    return await answer(question, { hostname, query });
  } catch (error) {
    complain(error);
    return { rcode: RCODES.SERVFAIL };
  }
}

/** How the address of a server is told. */
export function listeningOn({ addr }: DnsServer): string {
  return `listening on ${formatAddress(addr)}`;
}
