/** A link, an image or an attribute of HTML, by where its target stands in the text. */
export interface LinkAt {
  start: number;
  end: number;
  target: string;
  /** Whether something is shown there, not linked to. */
  isImage: boolean;
  /** Where the whole link begins and ends, with its text. */
  whole?: { start: number; end: number; text: string };
}

/** The same text, as long, with code and comments blanked out: what is left is prose. */
export function withoutCode(text: string): string {
  const blank = (part: string) => part.replaceAll(/[^\n]/g, "\0");
  return text
    .replaceAll(/^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^ *\2`*~* *$/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/(?<!`)(`+)(?!`)([\s\S]*?[^`])\1(?!`)/g, blank);
}

/** Changes prose, and leaves code and comments as they are. */
export function mapProse(
  text: string,
  change: (prose: string) => string,
): string {
  const prose = withoutCode(text);
  let result = "";
  let at = 0;
  for (const { index, 0: { length } } of prose.matchAll(/\0[\0\n]*\0|\0/g)) {
    result += change(text.slice(at, index)) + text.slice(index, index + length);
    at = index + length;
  }
  return result + change(text.slice(at));
}

/** Every link, image and reference of a Markdown text, outside code. */
export function findLinks(text: string): LinkAt[] {
  const prose = withoutCode(text);
  const links: LinkAt[] = [];
  for (const match of prose.matchAll(INLINE)) {
    const target = match.groups!.target;
    const start = match.index + match[0].indexOf("](") + 2;
    links.push({
      start,
      end: start + target.length,
      target: text.slice(start, start + target.length),
      isImage: match[0].startsWith("!"),
      whole: {
        start: match.index,
        end: match.index + match[0].length,
        text: text.slice(match.index + match[0].indexOf("[") + 1, start - 2),
      },
    });
  }
  for (const pattern of [REFERENCE, ATTRIBUTE]) {
    for (const match of prose.matchAll(pattern)) {
      const { target, before } = match.groups!;
      const start = match.index + before.length;
      links.push({
        start,
        end: start + target.length,
        target,
        isImage: before.startsWith("src"),
      });
    }
  }
  return links.sort((a, b) => a.start - b.start);
}

const INLINE =
  /!?\[[^\]]*\]\((?<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)?)[^)]*\)/g;
const REFERENCE = /^(?<before>\[[^\]^]+\]: +)(?<target>\S+)$/gm;
const ATTRIBUTE = /(?<![:\w-])(?<before>(?:src|href)=")(?<target>[^"]+)/g;

/** The text with other targets, of the links for which `change` gives one. */
export function changeLinks(
  text: string,
  change: (link: LinkAt) => string | { text: string } | undefined,
): string {
  let result = "";
  let at = 0;
  for (const link of findLinks(text)) {
    const changed = change(link);
    if (changed === undefined || link.start < at) continue;
    if (typeof changed === "string") {
      result += text.slice(at, link.start) + changed;
      at = link.end;
    } else if (link.whole !== undefined) {
      result += text.slice(at, link.whole.start) + changed.text;
      at = link.whole.end;
    }
  }
  return result + text.slice(at);
}

/** The first heading, without its marks. */
export function titleOf(text: string): string | undefined {
  return /^# +(.+)$/m.exec(text)?.[1].replaceAll("`", "").trim();
}

/** The anchor of a heading, as GitHub makes it, so that links work in both places. */
export function anchorOf(heading: string): string {
  return heading.trim().toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}
