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

/** Where to draw one's own player. */
export function predict(snapshot: Snapshot, sent: Step[]): number {
  return sent.filter(({ sequence }) => sequence > snapshot.acked)
    .reduce((x, { dx }) => x + dx, snapshot.x);
}
