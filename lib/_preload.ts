/**
 * Made by `deno task preload:update`: all files that `mod.ts` does not import itself.
 *
 * It is the first import of `mod.ts`, as Deno 2.9 parses the source map of each file that
 * is the first to import another one, and this one is short: importing takes a fifth less
 * time.
 *
 * @module
 */

import "./_check.ts";
import "./_guard.ts";
import "./bytes/_block_pool.ts";
import "./bytes/_delimiter_search.ts";
import "./bytes/_slab.ts";
import "./bytes/_uint.ts";
import "./bytes/pattern.ts";
import "./bytes/plain_array.ts";
import "./codec/_delimiters.ts";
import "./codec/_line_decoder.ts";
import "./codec/_sized_codec.ts";
import "./codec/encode_frame.ts";
import "./codec/frame_decoder.ts";
import "./codec/policy.ts";
import "./codec/text_encoding.ts";
import "./framed/_frame_iterator.ts";
import "./framed/_frame_reader.ts";
import "./framed/_web_streams.ts";
import "./framed/framed_options.ts";
import "./framed/heartbeat.ts";
import "./ip.ts";
import "./proxy_header/limits.ts";
import "./server/_accept_loop.ts";
import "./server/_admission.ts";
import "./server/_client.ts";
import "./server/_clients.ts";
import "./server/_connection_age.ts";
import "./server/_events.ts";
import "./server/_handshake.ts";
import "./server/_memory_guard.ts";
import "./server/_peer_errors.ts";
import "./server/_proxy_gate.ts";
import "./server/_socket_defaults.ts";
import "./server/check_options.ts";
import "./server/termination.ts";
import "./socket/_connection.ts";
import "./socket/_end_reason.ts";
import "./socket/_io_limits.ts";
import "./socket/_outgoing_batch.ts";
import "./socket/_read_loop.ts";
import "./socket/_reader.ts";
import "./socket/_sent_waiters.ts";
import "./socket/_stats.ts";
import "./socket/_streams.ts";
import "./socket/_writer.ts";
import "./socket/check_options.ts";
import "./socket/flush_scheduler.ts";
import "./socket/io_budget.ts";
import "./socket/observed.ts";
import "./time/abort_listeners.ts";
import "./time/call_limits.ts";
import "./time/coarse_timer.ts";
import "./time/system_time.ts";
import "./traffic/_token_bucket.ts";
import "./traffic/throttled_flow.ts";
import "./transport/_check_options.ts";
import "./transport/_descriptor.ts";
import "./transport/_node_socket.ts";
import "./transport/_or_abort.ts";
import "./transport/_pem.ts";
import "./transport/_tcp.ts";
import "./transport/_tls.ts";
import "./transport/_tls_material.ts";
import "./transport/_unix.ts";
import "./transport/_unix_mode.ts";
import "./transport/bind.ts";
import "./transport/check_address.ts";
import "./transport/close_quietly.ts";
import "./transport/dial.ts";
import "./transport/listen_fds.ts";
import "./transport/option_names.ts";
import "./transport/translate_error.ts";
import "./transport/upgrade_tls.ts";
