/** Block devices, where this machine lets us make one. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { deviceConformance, fails, pattern, readOnlyConformance } from "./conformance.ts";

const SIZE = 3 * 2 ** 20 + 512;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-block-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
let disks = 0;

/**
 * A loop device over a new file of zeros, or of `content`. Throws where the machine has none to
 * give.
 */
function attach(content?: Uint8Array): { disk: string; detach: () => void } {
  const file = path.join(folder, `disk-${disks++}`);
  fs.writeFileSync(file, content ?? "");
  fs.truncateSync(file, SIZE);
  const result = spawnSync("losetup", ["--find", "--show", file], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(result.error?.message ?? result.stderr.trim());
  const disk = result.stdout.trim();
  return {
    disk,
    detach: () => {
      spawnSync("losetup", ["--detach", disk]);
      fs.rmSync(file);
    },
  };
}

function whyNot(): string | null {
  try {
    const { disk, detach } = attach();
    try {
      fs.closeSync(fs.openSync(disk, "r+"));
    } finally {
      detach();
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const reason = whyNot();
if (reason !== null) {
  test.skip(`block devices: losetup gives no loop device here: ${reason}`, () => {});
  test.run();
} else {
  deviceConformance("block device", async () => {
    const { disk, detach } = attach();
    return { device: await fileDevice(disk), size: SIZE, remove: detach };
  });
  const content = pattern(SIZE, 3);
  readOnlyConformance("block device for reading", content, async () => {
    const { disk, detach } = attach(content);
    return { device: await fileDevice(disk, { readOnly: true }), size: SIZE, remove: detach };
  });

  test("a block device has one writer, and does not grow", async () => {
    const { disk, detach } = attach();
    try {
      const first = await fileDevice(disk);
      assert.is(first.growable, false);
      await fails("Busy", () => fileDevice(disk));
      await first.close();
      const next = await fileDevice(disk);
      await next.close();
    } finally {
      detach();
    }
  });
  test.run();
}
