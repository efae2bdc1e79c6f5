/** A text with each number replaced: for outputs whose numbers differ from run to run. */
export function masked(text: string): string {
  return text.replaceAll(/\d+([.,]\d+)*/g, "N").replaceAll(/ +/g, " ");
}
