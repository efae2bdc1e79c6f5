/**
 * Sluice: async sockets for Deno. Servers as async iterators, clients whose timeouts
 * lose no bytes, framing codecs, and graceful shutdown.
 *
 * @example A server and a client
 * ```ts
 * import { connect, framed, lines, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   const connection = framed(socket, lines());
 *   for await (const line of connection) await connection.send(line);
 * });
 *
 * await using client = framed(await connect({ port: server.addr.port }), lines());
 * await client.send("hello");
 * assertEquals(await client.receive({ timeoutMs: 1_000 }), "hello");
 * ```
 *
 * @module
 */

// First, as it makes all else load faster.
import "./lib/_preload.ts";

// Clients and servers
export {
  type ClientOptions,
  connect,
  type ConnectOptions,
} from "./lib/socket/connect.ts";
export {
  listen,
  Listener,
  type ListenerOptions,
  type ListenOptions,
} from "./lib/server/listen.ts";
export { serve, Server } from "./lib/server/serve.ts";
export type {
  Handler,
  ServeContext,
  ServeOptions,
  ServerOptions,
  ShutdownOptions,
  ShutdownReport,
} from "./lib/server/serve_options.ts";
export type { AdmissionOptions, OnLimit } from "./lib/server/_admission.ts";
export type { HandshakeOptions } from "./lib/server/_handshake.ts";
export type {
  AcceptedEvent,
  AcceptErrorEvent,
  ClosedEvent,
  CloseErrorEvent,
  DrainEvent,
  HandlerErrorEvent,
  ListenerEvent,
  RejectedEvent,
  RejectionReason,
  ServerEvent,
  ServerStats,
  TimeoutEvent,
  TlsEvent,
  TlsFailedEvent,
} from "./lib/server/events.ts";

// Sockets
export { Socket } from "./lib/socket/socket.ts";
export type {
  AcceptTlsOptions,
  ReadUntilOptions,
  SocketOptions,
  SocketTimeouts,
  StartTlsOptions,
} from "./lib/socket/options.ts";
export type { SocketStats } from "./lib/socket/_stats.ts";
export type {
  AcceptedTransport,
  Acceptor,
  AcceptorOptions,
  BindOptions,
  BoundAddr,
  DialContext,
  Dialer,
  DialerOptions,
  DialHost,
  DialOptions,
  DialTarget,
  HostsDialOptions,
  PeerCertificate,
  PeerCheckOptions,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
  TlsTransport,
  Transport,
  UnixBindOptions,
  UnixDialOptions,
} from "./lib/transport/options.ts";

export {
  relay,
  type RelayOptions,
  type RelayResult,
  type RelaySide,
} from "./lib/socket/relay.ts";

// Addresses
export {
  type Addr,
  formatAddress,
  type FormattableAddress,
  type MemoryAddr,
  parseAddress,
  type ParsedAddress,
  type StreamAddr,
} from "./lib/addr.ts";

// Frames
export { Framed, framed } from "./lib/framed/framed.ts";
export type { FramedOptions } from "./lib/framed/framed_options.ts";
export type { HeartbeatOptions } from "./lib/framed/heartbeat.ts";
export {
  ByteQueue,
  ByteWriter,
  type Codec,
  contentLength,
  type ContentLengthOptions,
  type Decoder,
  delimited,
  type DelimitedOptions,
  type DelimitedOversizePolicy,
  type Encoder,
  type EofOptions,
  type EofPolicy,
  fixed,
  type FixedOptions,
  type FrameHead,
  type FramePart,
  type FramePartOut,
  inParts,
  type InPartsOptions,
  json,
  type JsonOptions,
  lengthPrefixed,
  type LengthPrefixedOptions,
  lines,
  type LinesOptions,
  mapped,
  netstring,
  type NetstringOptions,
  type OversizeOptions,
  type OversizePolicy,
  type SizedCodec,
  type SizedOptions,
  text,
  type TextCodec,
  type TextOptions,
  varintPrefixed,
  type VarintPrefixedOptions,
} from "./lib/codec/mod.ts";

// Traffic
export {
  RateLimiter,
  type RateLimiterOptions,
  type TakeOptions,
} from "./lib/traffic/rate_limiter.ts";
export {
  type Rate,
  RateMeter,
  type RateMeterOptions,
} from "./lib/traffic/rate_meter.ts";
export { throttle } from "./lib/traffic/throttle.ts";
export type { ThrottleOptions } from "./lib/traffic/throttle_options.ts";

// Time
export {
  type CallOptions,
  Deadline,
  type DeadlineOptions,
  interval,
  retry,
  type RetryBudget,
  retryBudget,
  type RetryBudgetOptions,
  type RetryContext,
  type RetryEvent,
  type RetryOptions,
  sleep,
  withTimeout,
} from "./lib/time/mod.ts";

// Errors
export {
  AbortError,
  BrokenError,
  type BrokenReason,
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  LimitError,
  MalformedFrameError,
  PermissionError,
  ProxyError,
  type ProxyReason,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
  TlsError,
  type TlsReason,
  UnexpectedEofError,
} from "./lib/errors.ts";
