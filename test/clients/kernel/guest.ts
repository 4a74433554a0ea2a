/**
 * A Linux kernel that works on our files: booted in qemu with nothing but the disks that it is
 * given, a task, and two serial lines.
 */
import fs from "node:fs";
import * as assert from "uvu/assert";
import { fresh } from "../../cli/program.ts";
import { isThere } from "../../needs.ts";
import { attempt } from "../programs.ts";
import { GUEST_PROGRAMS, makeInitramfs } from "./initramfs.ts";
import { findKernel } from "./kernel.ts";

const QEMU = "qemu-system-x86_64";
const PACKAGES: Record<string, string> = {
  [QEMU]: "qemu-system-x86",
  busybox: "busybox-static",
  dmsetup: "dmsetup",
};
/** Without KVM: on a machine that is a guest itself it may fail before the kernel has begun. */
const MACHINE = ["-machine", "pc,accel=tcg", "-cpu", "max", "-m", "256"];
const NOTHING_ELSE = ["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none"];
/** A panic ends the guest: it reboots at once, which qemu does not let it. */
const KERNEL_LINE = "console=ttyS0 loglevel=5 panic=-1 mitigations=off";
/** The bus has 32 slots of 8 functions; qemu's own devices are in the first ones. */
const FIRST_SLOT = 4;
const LOG_LINES_SHOWN = 40;

/** A folder with a kernel, as `unpack.sh` makes it. Otherwise that of this machine is taken. */
const root = process.env.MULTISNAP_KERNEL || "/";
const kernel = process.arch === "x64" ? findKernel(root) : null;

/** Why no kernel can be booted here; null where one can. */
export function whyNoKernel(): string | null {
  if (process.arch !== "x64") return `a guest for ${process.arch} is not made`;
  const missing = [QEMU, ...GUEST_PROGRAMS].filter((program) => !isThere(program));
  const reasons = missing.map((program) => `no ${program} here (package ${PACKAGES[program]})`);
  if (!kernel) {
    reasons.push(
      `no kernel with dm-snapshot in ${root} (package linux-image-cloud-amd64: ` +
        "test/clients/kernel/unpack.sh FOLDER, and MULTISNAP_KERNEL=FOLDER)",
    );
  }
  return reasons.length === 0 ? null : reasons.join(" and ");
}

export interface Disk {
  /** At most 20 characters: it is the disk's serial number. */
  name: string;
  /** A raw image. */
  file: string;
}

/** What the guest answered, by the name of the answer. */
export type Answers = ReadonlyMap<string, string>;

/** Does the task, lines of shell with the functions of `init.sh`; it must succeed. */
export async function boot(disks: readonly Disk[], task: readonly string[]): Promise<Answers> {
  if (!kernel) throw new Error("there is no kernel");
  const initramfs = fresh("initramfs");
  fs.writeFileSync(initramfs, await makeInitramfs(kernel, `${task.join("\n")}\n`));
  const log = fresh("console");
  const serial = ["-serial", `file:${log}`, "-serial", "stdio", "-no-reboot"];
  const what = ["-kernel", kernel.image, "-initrd", initramfs, "-append", KERNEL_LINE];
  const drives = disks.flatMap(drive);
  const args = [...MACHINE, ...NOTHING_ELSE, ...serial, ...what, ...drives];
  const { code, stdout, stderr } = await attempt(QEMU, args);
  const answers = new Map<string, string>();
  for (const [, name, answer] of stdout.toString().matchAll(/^(\S+) (.*?)\r?$/gm)) {
    answers.set(name as string, answer as string);
  }
  if (code !== 0 || answers.get("end") !== "0") {
    const said = fs.existsSync(log) ? fs.readFileSync(log, "utf8").trimEnd().split("\n") : [];
    const console = said.slice(-LOG_LINES_SHOWN).join("\n");
    assert.unreachable(`the guest failed, after ${answers.size} answers: ${stderr}\n${console}`);
  }
  return answers;
}

/** The host may lose power as it likes: what qemu has written is in the file when it has ended. */
function drive({ name, file }: Disk, index: number): string[] {
  const address = `${(FIRST_SLOT + (index >> 3)).toString(16)}.${index & 7}`;
  return [
    "-drive",
    `file=${file},format=raw,if=none,cache=unsafe,id=disk${index}`,
    "-device",
    `virtio-blk-pci,drive=disk${index},serial=${name},addr=${address},multifunction=on`,
  ];
}
