/** What the server says. */
export interface Snapshot {
  /** The player's last step that is in here. */
  acked: number;
  /** Where the player is. */
  x: number;
}

/** A step that the client has sent. */
export interface Step {
  sequence: number;
  dx: number;
}

/**
 * Where to draw one's own player: where the server says it is, and from there all steps
 * that the server does not know of yet.
 */
export function predict(snapshot: Snapshot, sent: Step[]): number {
  // Your turn: this one lags behind by a round trip.
  return sent.length > 0 ? snapshot.x : 0;
}
