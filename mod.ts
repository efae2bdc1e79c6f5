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
  ServerConnection,
  ServerOptions,
  ShutdownOptions,
  ShutdownReport,
} from "./lib/server/serve_options.ts";
export type { AdmissionOptions, OnLimit } from "./lib/server/_admission.ts";
export type { HandshakeOptions } from "./lib/server/_handshake.ts";
export type { ProxyProtocolOptions } from "./lib/server/_proxy_gate.ts";
export type { ProxyLimits } from "./lib/proxy_header/limits.ts";
export type {
  ProxyFields,
  ProxyHeader,
  ProxyHeaderInit,
  ProxyTls,
  ProxyTlv,
} from "./lib/proxy_header/header.ts";
export type {
  AcceptedEvent,
  AcceptErrorEvent,
  ClosedEvent,
  CloseErrorEvent,
  DrainEvent,
  HandlerErrorEvent,
  ListenerEvent,
  ProxyFailedEvent,
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
  ClientHello,
  DescriptorBindOptions,
  DialContext,
  Dialer,
  DialerOptions,
  DialHost,
  DialOptions,
  DialTarget,
  HostsDialOptions,
  NewCertificate,
  PeerCertificate,
  PeerCheckOptions,
  ProxyInfo,
  ResolveCertificate,
  ServerCertificate,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
  TlsServerOptions,
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
export { ByteQueue } from "./lib/bytes/byte_queue.ts";
export { ByteWriter } from "./lib/bytes/byte_writer.ts";
export type {
  Codec,
  Decoder,
  Encoder,
  SizedCodec,
  TextCodec,
} from "./lib/codec/codec.ts";
export {
  contentLength,
  type ContentLengthOptions,
} from "./lib/codec/content_length.ts";
export { delimited, type DelimitedOptions } from "./lib/codec/delimited.ts";
export { fixed, type FixedOptions } from "./lib/codec/fixed.ts";
export {
  type FrameHead,
  type FramePart,
  type FramePartOut,
  inParts,
  type InPartsOptions,
} from "./lib/codec/in_parts.ts";
export { json, type JsonOptions } from "./lib/codec/json.ts";
export {
  lengthPrefixed,
  type LengthPrefixedOptions,
} from "./lib/codec/length_prefixed.ts";
export { lines, type LinesOptions } from "./lib/codec/lines.ts";
export { mapped } from "./lib/codec/mapped.ts";
export { netstring, type NetstringOptions } from "./lib/codec/netstring.ts";
export type {
  DelimitedOversizePolicy,
  EofOptions,
  EofPolicy,
  OversizeOptions,
  OversizePolicy,
  SizedOptions,
} from "./lib/codec/policy.ts";
export { text } from "./lib/codec/text.ts";
export type { TextOptions } from "./lib/codec/text_encoding.ts";
export {
  varintPrefixed,
  type VarintPrefixedOptions,
} from "./lib/codec/varint_prefixed.ts";

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
export type { CallOptions } from "./lib/time/call_limits.ts";
export { Deadline, type DeadlineOptions } from "./lib/time/deadline.ts";
export { interval } from "./lib/time/interval.ts";
export {
  retry,
  type RetryContext,
  type RetryEvent,
  type RetryOptions,
} from "./lib/time/retry.ts";
export {
  type RetryBudget,
  retryBudget,
  type RetryBudgetOptions,
} from "./lib/time/retry_budget.ts";
export { sleep } from "./lib/time/sleep.ts";
export { withTimeout } from "./lib/time/with_timeout.ts";

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
