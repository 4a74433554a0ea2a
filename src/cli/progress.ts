/** A progress bar on a terminal's standard error, and nothing anywhere else. */
import type { OutputOptions } from "./output.ts";
import { formatBytes } from "./sizes.ts";

export interface Progress {
  /** Bytes done. */
  at(bytes: number): void;
  end(): void;
}

const silent: Progress = { at: () => {}, end: () => {} };

/** `total` in bytes; `null` where nobody knows it, and no bar can be drawn. */
export async function startProgress(
  options: OutputOptions,
  label: string,
  total: number | null,
): Promise<Progress> {
  if (options.json || options.quiet || !process.stderr.isTTY || !total) return silent;
  // Loading it takes longer than most commands do.
  const { Presets, SingleBar } = await import("cli-progress");
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% {value} of {total}, {eta_formatted} left`,
      formatValue: (value, _, kind) =>
        kind === "value" || kind === "total" ? formatBytes(value) : String(value),
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { at: (bytes) => bar.update(bytes), end: () => bar.stop() };
}
