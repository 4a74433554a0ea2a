/**
 * The transient store ("N"): data chunks one after the other from the device's first byte on, and
 * nothing else. What it holds is gone with the memory that says where it is, so nothing is made
 * durable, and when it is closed the device is given back as it was found: empty.
 */
import type { Device } from "../../devices/device.ts";
import { settle, type Task } from "../../task.ts";
import type { CheckReport, ProgressOptions } from "../store.ts";
import { TRANSIENT } from "./capabilities.ts";
import { checkTable } from "./check.ts";
import { type CowSetup, CowStore } from "./cow-store.ts";
import { SECTOR } from "./format.ts";
import { Places } from "./places.ts";

/** What is looked at to tell whether a device has something on it. */
const HEAD_BYTES = 8192;

export class TransientStore extends CowStore {
  readonly kind = "transient";
  readonly capabilities = TRANSIENT;
  readonly flushes = 0;
  protected readonly places: Places;
  protected readonly capacity = Number.POSITIVE_INFINITY;
  protected committed = 0;

  constructor(device: Device, chunk: number, setup: CowSetup) {
    super(device, chunk, setup.env.now(), setup);
    this.places = new Places(0, this.limit, null);
  }

  // biome-ignore lint/correctness/useYield: there is nothing to wait for
  protected *commitNow(): Task<void> {
    this.committed = this.table.length;
  }

  protected *giveUpNow(): Task<void> {}

  protected *closeNow(): Task<void> {
    if (this.device.growable) {
      yield* settle(this.device.resize(0));
      return;
    }
    const head = new Uint8Array(Math.min(HEAD_BYTES, this.device.size()));
    yield* settle(this.device.write(head, 0, head.length, 0));
  }

  /** As the kernel's, in sectors: allocated/total metadata. */
  protected statusLine(): string {
    const total = Math.floor((this.maxBytes ?? this.device.size()) / SECTOR);
    return `${(this.places.next * this.chunk) / SECTOR}/${total} 0`;
  }

  check(options: ProgressOptions): Task<CheckReport> {
    return this.still(checkTable(this.table, this.places.next, options));
  }
}
