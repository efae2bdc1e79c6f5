/**
 * Runs the programs that the interoperability tests talk to.
 *
 * @module
 */

import { program } from "./programs.ts";

/** A program that is running; disposing it kills it and waits for its end. */
export interface Running extends AsyncDisposable {
  /** The next line it prints; fails when it ends first. */
  line(): Promise<string>;
  /** Gives it input. */
  write(text: string): Promise<void>;
  /** Ends its input, and waits: all it printed from now on, and its exit code. */
  finish(): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** Starts a program with piped input and output. */
export function start(name: string, args: string[]): Running {
  const child = new Deno.Command(program(name), {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  const stdout = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const stderr = new Response(child.stderr).text();
  let text = "";
  let inputEnded = false;
  async function endInput(): Promise<void> {
    if (inputEnded) return;
    inputEnded = true;
    await stdin.close().catch(() => {});
  }
  return {
    async line(): Promise<string> {
      let end: number;
      while ((end = text.indexOf("\n")) < 0) {
        const { done, value } = await stdout.read();
        if (done) throw new Error(`${name} has ended: ${text}${await stderr}`);
        text += value;
      }
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return line;
    },
    write: (input) => stdin.write(new TextEncoder().encode(input)),
    async finish() {
      await endInput();
      for (;;) {
        const { done, value } = await stdout.read();
        if (done) break;
        text += value;
      }
      const { code } = await child.status;
      return { code, stdout: text, stderr: await stderr };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await endInput();
      await stdout.cancel();
      await Promise.all([child.status, stderr]);
    },
  };
}
