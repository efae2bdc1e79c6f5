import type { Block } from "./book.ts";

/** An output without what differs from run to run, by what its block says of it. */
export function masked(
  text: string,
  { varies, unordered }: Pick<Block, "varies" | "unordered">,
): string {
  const lines =
    (varies
      ? text.replaceAll(/\d+([.,]\d+)*/g, "N").replaceAll(/ +/g, " ")
      : text).split("\n");
  return (unordered ? lines.sort() : lines).join("\n");
}
