/** Shows how far a step is: a bar on a terminal, a line a quarter elsewhere. */
import cliProgress from "cli-progress";

/** Told how much of the step is done. */
export type Progress = (done: number) => void;

/** Runs `step` with its progress shown; the bar ends with it, however it ends. */
export async function withProgress<Result>(
  label: string,
  total: number,
  step: (progress: Progress) => Promise<Result>,
): Promise<Result> {
  if (!process.stdout.isTTY) return step(quarters(label, total));
  const bar = new cliProgress.SingleBar({
    format: `${label.padEnd(20)} {bar} {value}/{total}  {duration_formatted}`,
    hideCursor: true,
  });
  bar.start(total, 0);
  try {
    return await step((done) => bar.update(done));
  } finally {
    bar.stop();
  }
}

function quarters(label: string, total: number): Progress {
  let shown = 0;
  return (done) => {
    const reached = Math.floor((done / total) * 4);
    if (reached > shown) console.log(`${label}: ${done} of ${total}`);
    shown = Math.max(shown, reached);
  };
}
