import { Deadline, framed, lines, type Socket } from "@sluice/net";

/** Asks all questions within one deadline. */
export async function askAll(
  socket: Socket,
  questions: string[],
  totalMs: number,
): Promise<(string | null)[]> {
  const connection = framed(socket, lines());
  using deadline = Deadline.after(totalMs);
  const answers = [];
  for (const question of questions) {
    await connection.send(question, { deadline });
    answers.push(await connection.receive({ deadline }));
  }
  return answers;
}
