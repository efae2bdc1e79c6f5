/**
 * Asks a DNS server one question: over UDP, and over TCP where the answer does not fit.
 *
 * Each question has a random id, and a socket of its own on a random port. An answer is
 * taken from the address that was asked alone, and only with this id and this question. All
 * else is ignored, and the right answer may still come.
 *
 * @module
 */

import {
  type CallOptions,
  connect,
  Deadline,
  formatAddress,
  framed,
  lengthPrefixed,
  MalformedFrameError,
  TimeoutError,
} from "@sluice/net";
import { connectDatagram } from "@sluice/net/datagram";
import {
  decodeMessage,
  encodeMessage,
  isAnswerTo,
  makeQuery,
  MAX_MESSAGE_BYTES,
  type Message,
  type Question,
  RCODES,
} from "./message.ts";

/** Which server, and how. */
export interface AskOptions extends CallOptions {
  /** The server. */
  server: { hostname: string; port: number };
  /**
   * Asks over TCP from the start.
   *
   * @default {false}
   */
  tcp?: boolean;
  /**
   * Says what is taken over UDP (EDNS); a server that does not understand that is asked
   * again without.
   *
   * @default {true}
   */
  edns?: boolean;
  /**
   * Most milliseconds for all of it.
   *
   * @default {5_000}
   */
  timeoutMs?: number;
}

/** The frames of DNS over TCP: two bytes of length, and the message. */
export const TCP_FRAMES = lengthPrefixed({
  lengthBytes: 2,
  maxFrameBytes: MAX_MESSAGE_BYTES,
});

/**
 * Asks, up to three times while no answer comes, and gives the answer.
 *
 * @throws {TimeoutError} None came in time.
 * @throws {MalformedFrameError} What came over TCP is no answer to this question.
 * @throws {BrokenError} The server cannot be reached over TCP, or broke the connection.
 */
export async function askServer(
  question: Question,
  { server, tcp = false, edns = true, timeoutMs = 5_000, signal }: AskOptions,
): Promise<Message> {
  const limits = {
    deadline: Deadline.after(timeoutMs),
    ...signal && { signal },
  };
  const send = async (edns: boolean): Promise<Message> => {
    const query = makeQuery(question, { edns });
    const answer = tcp ? undefined : await askOverUdp(query, server, limits);
    return answer !== undefined && !answer.isTruncated
      ? answer
      : await askOverTcp(query, server, limits);
  };
  try {
    const answer = await send(edns);
    return edns && isUnknownEdns(answer) ? await send(false) : answer;
  } catch (cause) {
    if (!(cause instanceof TimeoutError)) throw cause;
    throw new TimeoutError("ask", timeoutMs, {
      where: formatAddress({ transport: tcp ? "tcp" : "udp", ...server }),
      waitedFor: "no answer came",
      cause,
    });
  }
}

async function askOverUdp(
  query: Message,
  server: AskOptions["server"],
  limits: CallOptions,
): Promise<Message> {
  const { hostname, port } = server;
  await using peer = await connectDatagram({ hostname, port });
  let answer: Message | undefined;
  await peer.request(encodeMessage(query), {
    ...limits,
    // So that the times it is sent again are within the deadline.
    timeoutMs: Math.max(1, limits.deadline!.remainingMs),
    accept(data) {
      const taken = takeAnswer(query, data);
      // Another datagram must not take the place of what was taken.
      answer ??= taken;
      return taken !== undefined;
    },
  });
  return answer!;
}

/** The answer to a query, if these bytes are. */
function takeAnswer(query: Message, data: Uint8Array): Message | undefined {
  try {
    const head = decodeMessage(data, { head: true });
    if (!isAnswerTo(query, head)) return undefined;
    // Its records may be cut off anywhere; they are asked for again.
    return head.isTruncated ? head : decodeMessage(data);
  } catch (error) {
    if (error instanceof MalformedFrameError) return undefined;
    throw error;
  }
}

async function askOverTcp(
  query: Message,
  server: AskOptions["server"],
  limits: CallOptions,
): Promise<Message> {
  const { hostname, port } = server;
  // Closed at once, not gracefully: a server that hangs is not to be waited for beyond the limit.
  using socket = await connect({ hostname, port, ...limits });
  const connection = framed(socket, TCP_FRAMES);
  await connection.send(encodeMessage(query), limits);
  const data = await connection.receive(limits);
  if (data === null) {
    throw new MalformedFrameError(
      "Cannot ask over TCP: the server ended the connection without an answer",
    );
  }
  const answer = decodeMessage(data);
  if (!isAnswerTo(query, answer)) {
    throw new MalformedFrameError(
      "Cannot ask over TCP: the server answered another question",
    );
  }
  return answer;
}

/** Whether a server from before EDNS has answered. */
function isUnknownEdns({ rcode, edns }: Message): boolean {
  return edns === undefined &&
    (rcode === RCODES.FORMERR || rcode === RCODES.NOTIMP);
}
