/** Damaged COW devices are refused, each with its code, and no byte of them is changed. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { Image } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { Attached, bytesOf, mustBe, openCows } from "./attached.ts";
import { damages, soundCow } from "./damage.ts";

test("the sound device opens", async () => {
  const { cow, origin } = soundCow(new Random(1));
  const attached = await Attached.open([Image.of(origin), Image.of(cow)]);
  await attached.verify();
  await attached.volume.close();
});

for (const { name, why, code, apply } of damages) {
  for (const place of ["first", "second"] as const) {
    test(`${name}, on the ${place} device`, async () => {
      const { cow, origin } = soundCow(new Random(1));
      const damaged = Image.of(apply(cow.slice()));
      const cows = place === "first" ? [damaged] : [Image.of(cow), damaged];
      const images = [Image.of(origin), ...cows];
      const before = images.map(bytesOf);
      for (const readOnly of [true, false]) {
        const error = await openCows(images, { options: { readOnly } }).then(
          () => null,
          (error) => error,
        );
        assert.instance(
          error,
          MultisnapError,
          `it opened, for ${readOnly ? "reading" : "writing"}`,
        );
        assert.is(error.code, code, error.message);
        if (why === "invalidated") assert.match(error.message, /invalid/);
        for (const [number, bytes] of before.entries()) {
          mustBe(bytesOf(images[number] as Image), bytes, `device ${number}`);
        }
      }
    });
  }
}

test.run();
