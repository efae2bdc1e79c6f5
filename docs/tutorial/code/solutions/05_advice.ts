import { SocketError } from "@sluice/net";

/** What a client should do about an error. */
export function advice(error: unknown): string {
  if (!(error instanceof SocketError)) return "fix the program";
  switch (error.code) {
    case "broken":
    case "timeout":
      return "try again";
    case "frame-too-large":
    case "malformed-frame":
    case "unexpected-eof":
      return "hang up";
    case "permission":
      return "give permission";
    default:
      return "fix the program";
  }
}
