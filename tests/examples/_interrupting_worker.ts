/**
 * A worker that presses Ctrl-C at its supervisor, and never serves.
 *
 * @module
 */

Deno.kill(Deno.ppid, "SIGINT");
setInterval(() => {}, 60_000);
