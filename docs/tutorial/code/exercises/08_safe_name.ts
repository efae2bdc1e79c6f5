/**
 * Whether a file from the network may have this name: 1 to 100 letters of ASCII, digits,
 * "-", "_" and "."; no "." at the start or at the end, and none of the names that Windows
 * keeps for devices (con, prn, aux, nul), in whatever case and with whatever ending.
 */
export function isSafeName(name: string): boolean {
  // Your turn.
  return !name.includes("/");
}
