import { framed, lines, type Socket } from "@sluice/net";

/**
 * Sends each question as a line and returns the answers, one line each.
 *
 * All of it together takes at most `totalMs`: then it rejects with `TimeoutError`.
 */
export async function askAll(
  socket: Socket,
  questions: string[],
  totalMs: number,
): Promise<(string | null)[]> {
  const connection = framed(socket, lines());
  const answers = [];
  for (const question of questions) {
    await connection.send(question);
    // Your turn: here each answer may take that long.
    answers.push(await connection.receive({ timeoutMs: totalMs }));
  }
  return answers;
}
