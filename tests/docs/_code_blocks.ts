/** A fenced block of a page: the words behind its fence, and its text. */
export interface CodeBlock {
  language: string;
  text: string;
}

/** The fenced code blocks of a page, in order; those in lists without their indent. */
export function codeBlocks(page: string): CodeBlock[] {
  return [...page.matchAll(/^( *)```([^\n]*)\n(.*?)^\1```$/gms)].map(
    ([, indent, language, text]) => ({
      language,
      text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    }),
  );
}
