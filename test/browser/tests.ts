/** Tests that need a browser. */
import { type Define, testsUnless } from "../needs.ts";
import { type BrowserName, missing } from "./browser.ts";

/**
 * Defines tests that launch `browser`: skipped where it is not installed, or there is a reason
 * `whyNot`, and their names say so.
 */
export function testsIn(browser: BrowserName, whyNot: string | null = null): Define {
  const define = testsUnless(missing(browser) ?? whyNot);
  return (name, body) => define(`${browser}: ${name}`, body);
}
