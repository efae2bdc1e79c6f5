/**
 * A real browser, without a screen.
 *
 * @module
 */

import { chromium, type Page } from "npm:playwright-core@1.65.1";
import { findProgram, lacksPrograms, program } from "./programs.ts";

/** Systems disagree about its name; the first is Debian's, where CI runs. */
const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const NAME = NAMES.find((name) => findProgram(name) !== undefined) ?? NAMES[0];

/** Whether there is no browser, for a test's `ignore`. */
export function lacksBrowser(): boolean {
  return lacksPrograms(NAME);
}

/** A page that is open, and what went wrong in it. */
export interface Browser extends AsyncDisposable {
  page: Page;
  /** Errors of scripts, and of the content security policy. */
  complaints: string[];
}

/**
 * Starts Chromium with a profile of its own, which vanishes with it.
 *
 * It goes to 127.0.0.1 only; everything by which it would call home is off.
 */
export async function openBrowser(): Promise<Browser> {
  const profile = await Deno.makeTempDir();
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: program(NAME),
    headless: true,
    viewport: { width: 1_000, height: 800 },
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return {
    page,
    complaints,
    async [Symbol.asyncDispose]() {
      await context.close();
      await Deno.remove(profile, { recursive: true });
    },
  };
}
