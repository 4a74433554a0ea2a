/** A progress bar on a terminal's standard error, and nothing anywhere else. */
import type { OutputOptions } from "./output.ts";
import { formatBytes } from "./sizes.ts";

export interface Progress {
  /** Bytes done. */
  at(bytes: number): void;
  end(): void;
}

/** Of work that says itself how much of it there is. */
export interface Steps {
  /** In any unit, the same for both. */
  at(done: number, total: number): void;
  end(): void;
}

const silent: Progress & Steps = { at: () => {}, end: () => {} };

/** `total` in bytes; `null` where nobody knows it, and no bar can be drawn. */
export async function startProgress(
  options: OutputOptions,
  label: string,
  total: number | null,
): Promise<Progress> {
  if (!isShown(options) || !total) return silent;
  const bar = await newBar(`${label} {bar} {percentage}% {value} of {total}, {eta_formatted} left`);
  bar.start(total, 0);
  return { at: (bytes) => bar.update(bytes), end: () => bar.stop() };
}

export async function startSteps(options: OutputOptions, label: string): Promise<Steps> {
  if (!isShown(options)) return silent;
  const bar = await newBar(`${label} {bar} {percentage}%, {eta_formatted} left`);
  let begun = false;
  const at = (done: number, total: number) => {
    if (!begun) bar.start(total, done);
    else bar.update(done);
    begun = true;
  };
  const end = () => {
    bar.stop();
    begun = false;
  };
  return { at, end };
}

function isShown(options: OutputOptions): boolean {
  return !options.json && !options.quiet && process.stderr.isTTY;
}

async function newBar(format: string) {
  // Loading it takes longer than most commands do.
  const { Presets, SingleBar } = await import("cli-progress");
  return new SingleBar(
    {
      format,
      formatValue: (value, _, kind) =>
        kind === "value" || kind === "total" ? formatBytes(value) : String(value),
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
}
