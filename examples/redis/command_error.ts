/** A command was wrong; its client reads the message. */
export class CommandError extends Error {
  static {
    this.prototype.name = "CommandError";
  }
}
