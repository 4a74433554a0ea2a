/** Tests that need a browser. */
import { test } from "uvu";
import { type BrowserName, missing } from "./browser.ts";

/**
 * Defines tests that launch `browser`: skipped where it is not installed, or there is a reason
 * `whyNot`, and their names say so.
 */
export function testsIn(
  browser: BrowserName,
  whyNot: string | null = null,
): (name: string, body: () => void | Promise<void>) => void {
  const why = missing(browser) ?? whyNot;
  if (why === null) return (name, body) => test(`${browser}: ${name}`, body);
  return (name) => test.skip(`${browser}: ${name}: ${why}`, () => {});
}
