/** The library in a page's own thread. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { browserNames, launchBrowser } from "./browser.ts";
import { servePages } from "./serve.ts";
import { testsIn } from "./tests.ts";

for (const name of browserNames) {
  testsIn(name)("volumes in memory work in a page, OPFS devices say where they do", async () => {
    const [pages, browser] = await Promise.all([servePages(), launchBrowser(name)]);
    try {
      const said = new Promise((resolve) => pages.listen("page", resolve));
      const parameters = { channel: "page", persist: String(name === "chromium") };
      const entry = "test/browser/in-page.ts";
      await browser.open(pages.url({ entry, isolated: false, in: "page", parameters }));
      const found = (await said) as Record<string, unknown>;
      assert.is(found.error, undefined);
      assert.is(found.inMemory, true);
      assert.match(String(found.device), /^Unsupported: .*dedicated worker.*connectVolume/);
      assert.is(found.removed, "done");
      assert.match(String(found.again), /^NotFound: /);
      assert.type(found.persistent, "boolean");
    } finally {
      await browser.close();
      await pages.close();
    }
  });
}

test.run();
