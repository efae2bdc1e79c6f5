/**
 * How systemd tells a process which listening sockets it was started with: to be read, and
 * to be planned for.
 *
 * @module
 */

/** How many sockets there are, for which process, and what they are called. */
export const LISTEN_VARIABLES: readonly string[] = [
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_FDNAMES",
];
