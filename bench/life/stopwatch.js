// Runs each command that it is sent, and answers how long that took: see commands.ts.
import { spawnSync } from "node:child_process";

process.on("message", ({ command, args }) => {
  const start = performance.now();
  const run = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  const ms = performance.now() - start;
  process.send({ ms, status: run.status, stderr: run.stderr, error: run.error?.message });
});
