/** Numbers, names and files that nobody should give, and every command's answer. */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  folder,
  fresh,
  pattern,
  refused,
  succeed,
  succeedWith,
  unchanged,
  wrongUsage,
} from "./program.ts";

const image = fresh("image");
fs.writeFileSync(image, pattern(100_000, 1));
const good = fresh("good.msnap");
await succeed("create", good, "--size", "1M");
await succeedWith(pattern(300_000, 2), "write", good, "--offset", "0");
await succeed("snapshot", good, "one");

const hostile = suite("hostile arguments");

hostile("create: sizes, chunks, kinds", async () => {
  const store = fresh("hostile.msnap");
  for (const size of ["-1", "NaN", "1e30", "99999999999999999999"]) {
    await wrongUsage("create", store, "--size", size);
  }
  await wrongUsage("create", store, "--size", "1M", "--kind", "cubic");
  await wrongUsage("create", store, "--size", "1M", "--max-size", "-1");
  await wrongUsage("create", store, "--size", "1M", "--origin", image, "--base", image);
  await wrongUsage("create", store);
  for (const size of ["0", "1023"]) await refused("Invalid", "create", store, "--size", size);
  for (const chunk of ["0", "512", "12K", "2M", "8T"]) {
    await refused("Invalid", "create", store, "--size", "1M", "--chunk", chunk);
  }
  const cow = ["create", store, "--kind", "persistent", "--origin", image];
  for (const chunk of ["0", "256", "12K", "2M"]) await refused("Invalid", ...cow, "--chunk", chunk);
  await wrongUsage(...cow, "--base", image);
  await refused("NotFound", "create", fresh("no/such/folder"), "--size", "1M");
  await refused("NotFound", "create", store, "--origin", fresh("no-origin"));
  await refused("Invalid", "create", store, "--base", folder);
  assert.not(fs.existsSync(store));
});

hostile("create: what is there stays", async () => {
  await unchanged(good, () => refused("Exists", "create", good, "--size", "1M"));
  await unchanged(image, () => refused("Exists", "create", image, "--size", "1M"));
  await refused("Invalid", "create", folder, "--size", "1M");
});

hostile("read and write: offsets and lengths", async () => {
  await unchanged(good, async () => {
    for (const number of ["-1", "NaN", "1e30"]) {
      await wrongUsage("read", good, "--offset", number, "--length", "1");
      await wrongUsage("read", good, "--offset", "0", "--length", number);
      await wrongUsage("write", good, "--offset", number);
    }
    for (const [offset, length] of [
      ["1M", "1"],
      ["0", "1048577"],
      ["8191T", "8191T"],
    ] as const) {
      await refused("Invalid", "read", good, "--offset", offset, "--length", length);
    }
    await refused("Invalid", "write", good, "--offset", "1048577");
    const result = await succeed("read", good, "--offset", "1M", "--length", "0");
    assert.is(result.length, 0);
  });
});

hostile("names of new snapshots", async () => {
  const names = ["", "a\nb", "a\u0007", "x".repeat(256), "a@b"];
  await unchanged(good, async () => {
    for (const name of names) {
      await refused("Invalid", "snapshot", good, name);
      await refused("Invalid", "rename", good, "one", name);
    }
    await refused("Exists", "snapshot", good, "one");
    await refused("Invalid", "snapshot", good, "é".repeat(128));
  });
});

hostile("names of snapshots that are not there", async () => {
  await unchanged(good, async () => {
    for (const name of ["two", "", "a/b", "a\nb", "x".repeat(256), "__proto__"]) {
      await refused("NotFound", "read", `${good}@${name}`, "--offset", "0", "--length", "1");
      await refused("NotFound", "delete", good, "one", name);
    }
    for (const name of ["two", ""]) {
      await refused("NotFound", "snapshot", good, "three", "--of", name);
      await refused("NotFound", "rename", good, name, "three");
      await refused("NotFound", "delete", good, "--dry-run", "one", name);
      await refused("NotFound", "write", `${good}@${name}`, "--offset", "0");
      await refused("NotFound", "export", `${good}@${name}`, fresh("never"));
    }
  });
});

hostile("import: images that do not fit", async () => {
  const large = fresh("large");
  fs.writeFileSync(large, "");
  fs.truncateSync(large, 2 ** 20 + 1);
  await unchanged(good, async () => {
    await refused("Invalid", "import", good, large);
    await refused("NotFound", "import", good, fresh("no-image"));
    await refused("Invalid", "import", good, folder);
    await refused("Invalid", "import", good, good);
  });
});

hostile("export: targets that are in the way", async () => {
  await unchanged(image, async () => {
    await refused("Exists", "export", good, image);
    await refused("Invalid", "export", good, folder, "--force");
    await refused("NotFound", "export", good, fresh("no/such/folder"));
    await wrongUsage("export", good, "-", "--json");
  });
  await unchanged(good, () => refused("Invalid", "export", good, good, "--force"));
});
hostile.run();
