/**
 * What reaches the real world, and is refused in a simulation: it would take real time,
 * and give something else the next time.
 *
 * What cannot be refused is what a module has kept for itself, and the modules of
 * `node:`, `import()` among them.
 *
 * @module
 */

import type { Replacements } from "./_replacements.ts";

/** Functions and classes of `Deno`, those with `Sync` behind their names included. */
const REFUSED_OF_DENO: readonly string[] = [
  // Network
  "connect",
  "connectQuic",
  "connectTls",
  "createHttpClient",
  "listen",
  "listenDatagram",
  "listenTls",
  "QuicEndpoint",
  "resolveDns",
  "serve",
  "serveHttp",
  "startTls",
  "upgradeWebSocket",
  "upgradeWebTransport",
  // Files
  "chdir",
  "chmod",
  "chown",
  "copyFile",
  "create",
  "link",
  "lstat",
  "makeTempDir",
  "makeTempFile",
  "mkdir",
  "open",
  "openKv",
  "readDir",
  "readFile",
  "readLink",
  "readTextFile",
  "realPath",
  "remove",
  "rename",
  "stat",
  "symlink",
  "truncate",
  "utime",
  "watchFs",
  "writeFile",
  "writeTextFile",
  // Processes and libraries
  "Command",
  "dlopen",
  "kill",
  "run",
  "spawn",
  "spawnAndWait",
];

/** Functions and classes of the global scope. */
const REFUSED_GLOBALS: readonly string[] = [
  "alert",
  "BroadcastChannel",
  "confirm",
  "EventSource",
  "fetch",
  "MessageChannel",
  "prompt",
  "WebSocket",
  "WebSocketStream",
  "WebTransport",
  "Worker",
];

/**
 * Refuses them; those that this version of Deno does not have stay absent. What is printed
 * leaves at once, as it does with `console`: it would be waited for in real time.
 */
export function refuseIo(replacements: Replacements): void {
  for (const output of [Deno.stdout, Deno.stderr]) {
    replacements.set(
      output,
      "write",
      (data: Uint8Array) => Promise.try(() => output.writeSync(data)),
    );
  }
  for (const name of ["read", "readSync"]) {
    replacements.set(Deno.stdin, name, refusal(`Deno.stdin.${name}`));
  }
  for (const name of REFUSED_OF_DENO) {
    for (const each of [name, `${name}Sync`]) {
      if (!(each in Deno)) continue;
      replacements.set(Deno, each, refusal(`Deno.${each}`));
    }
  }
  for (const name of REFUSED_GLOBALS) {
    if (!(name in globalThis)) continue;
    replacements.set(globalThis, name, refusal(name));
  }
}

/** A function that throws, also where it is called with `new`. */
function refusal(name: string): () => never {
  return function (): never {
    throw new TypeError(
      `Cannot use ${name} in a simulation: it reaches the real world, use the simulated hosts instead`,
    );
  };
}
