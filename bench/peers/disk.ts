/** What every contestant behind an NBD server is to the measures. */

export interface Disk {
  readonly uri: string;
  stop: () => Promise<void>;
}

/** A disk that has a snapshot, or something like it. */
export interface SharedDisk extends Disk {
  /** Makes every block shared again, so that the next write to each one is its first. */
  shareAll: () => Promise<void>;
}
