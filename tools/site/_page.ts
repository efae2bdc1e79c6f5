/** One page of the site, before VitePress sees it. */
export interface Page {
  /** Where it is, from the root of the site: `guides/codecs.md`. */
  path: string;
  /** Its name in menus. */
  title: string;
  /** Its text, Markdown. */
  text: string;
  /**
   * The file it is, from the root of the repository: relative links of its text start there.
   * A page without one was made by a program, and links from the root of the site.
   */
  source?: string;
}
