/** An image on a web server as a base in real pages: other origins, and what they must allow. */
import { test as plain } from "uvu";
import * as assert from "uvu/assert";
import { ImageServer } from "../devices/http-server.ts";
import { Random } from "../model/prng.ts";
import { browserNames, launchBrowser, missing } from "./browser.ts";
import { servePages } from "./serve.ts";

const image = new Random(8).bytes(2 ** 20);
const expected = image.slice(100_000, 300_000);
expected.fill(7, 50_000, 51_000);
const sum = expected.reduce((sum, byte, i) => (sum + byte * (i % 251)) % 2 ** 31, 0);

interface Said {
  sum?: number;
  size?: number;
  error?: string;
}

for (const name of browserNames) {
  const reason = missing(name);
  const define = reason === null ? plain : plain.skip;
  define(`${name}: a page from elsewhere${reason === null ? "" : `: ${reason}`}`, async () => {
    const server = await new ImageServer(image).listen();
    const pages = await servePages();
    const browser = await launchBrowser(name);
    try {
      const ask = async (channel: string, isolated: boolean): Promise<Said> => {
        const answer = new Promise<Said>((resolve) => {
          pages.listen(channel, (message) => resolve(message as Said));
        });
        const parameters = { channel, image: server.url };
        const entry = "test/browser/http-page.ts";
        const tab = await browser.open(pages.url({ entry, isolated, in: "page", parameters }));
        const said = await answer;
        await tab.close();
        return said;
      };
      server.open = true;
      for (const isolated of [false, true]) {
        const said = await ask(`open-${isolated}`, isolated);
        assert.is(said.error, undefined);
        assert.is(said.size, image.length);
        assert.is(said.sum, sum);
      }
      server.open = false;
      const refused = await ask("closed", false);
      assert.match(refused.error as string, /Io|request failed/);
    } finally {
      await browser.close();
      await pages.close();
      await server.close();
    }
  });
}

plain.run();
