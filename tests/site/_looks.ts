import type { Page } from "npm:playwright-core@1.65.1";

/** What sticks out of the window, by which a page could be moved sideways. */
export function overflow(page: Page): Promise<unknown> {
  return page.evaluate(`{
    const { scrollWidth, clientWidth } = document.documentElement;
    scrollWidth <= clientWidth ? [] : [...document.querySelectorAll("body *")]
      .filter((each) => each.getBoundingClientRect().right > clientWidth + 1)
      .map((each) => each.outerHTML.slice(0, 100));
  }`);
}

/** Text with less contrast than WCAG 2.2 asks for (AA, 4.5 to 1), with its contrast. */
export function faintText(page: Page, within: string): Promise<unknown> {
  return page.evaluate(`{
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (color) => {
      const [r, g, b] = parse(color).map((each) => {
        const part = each / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const backOf = (each) => {
      for (; each; each = each.parentElement) {
        const { backgroundColor } = getComputedStyle(each);
        if (parse(backgroundColor)[3] !== 0) return backgroundColor;
      }
      return "rgb(255, 255, 255)";
    };
    [...document.querySelectorAll(${JSON.stringify(within)} + " *")]
      .filter((each) => [...each.childNodes].some(({ nodeType, data }) =>
        nodeType === 3 && data.trim() !== ""))
      .filter((each) => each.checkVisibility() && !each.closest("select, :disabled"))
      .map((each) => {
        const [a, b] = [getComputedStyle(each).color, backOf(each)].map(light);
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        return [each.className + ": " + each.textContent.slice(0, 20), contrast];
      })
      .filter(([, contrast]) => contrast < 4.5);
  }`);
}
