/** One lock for all runtimes: what one has open is Busy for each of the others, both ways. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileArguments, findProgram, type Program, programNames, root } from "./programs.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-locks-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

const file = path.join(folder, "file");
/** Opens the file, says how that went, and keeps it open until its standard input ends. */
const script = path.join(folder, "open.mts");
fs.writeFileSync(
  script,
  `import { fileDevice } from ${JSON.stringify(path.join(root, "src/devices/file.ts"))};
  const readOnly = process.argv[2] === "shared";
  try {
    const device = await fileDevice(${JSON.stringify(file)}, { readOnly });
    console.log("open");
    process.stdin.on("data", () => {}).on("end", () => device.close());
  } catch (error) {
    console.log(error.code, error.message);
  }`,
);
fs.writeFileSync(file, "content");

type Sharing = "shared" | "exclusive";

/** Only what a store in that folder needs. */
const rights = [`--allow-read=${folder},${root}`, `--allow-write=${folder}`];

async function open(program: Program, sharing: Sharing): Promise<[ChildProcess, string]> {
  const args = [...fileArguments(program.name, rights), script, sharing];
  const child = spawn(program.path, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const [said] = await once(child.stdout as NodeJS.ReadableStream, "data");
  return [child, String(said).split(" ")[0]?.trim() as string];
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.stdin?.end();
  await gone;
}

const found = programNames.map((name) => ({ name, program: findProgram(name) }));
const programs = found.flatMap(({ program }) => program ?? []);
for (const { name, program } of found) if (!program) test.skip(`no ${name} here`, () => {});

for (const owner of programs) {
  for (const other of programs) {
    test(`what ${owner.name} has open is Busy in ${other.name}, and free again`, async () => {
      for (const [first, second, expected] of [
        ["exclusive", "exclusive", "Busy"],
        ["shared", "exclusive", "Busy"],
        ["shared", "shared", "open"],
      ] as const) {
        const [keeping, kept] = await open(owner, first);
        assert.is(kept, "open");
        const [trying, tried] = await open(other, second);
        assert.is(tried, expected, `${first}, then ${second}`);
        await Promise.all([end(keeping), end(trying)]);
      }
    });
  }

  test(`what ${owner.name} had open is free when it is killed`, async () => {
    const [keeping] = await open(owner, "exclusive");
    const gone = once(keeping, "exit");
    keeping.kill("SIGKILL");
    await gone;
    const [trying, tried] = await open(owner, "exclusive");
    assert.is(tried, "open");
    await end(trying);
  });
}

test.run();
