/** What cannot be done to the views of a store that has its one snapshot and no more. */
import { MultisnapError } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { StoreKind } from "../store.ts";

const FORGETFUL = "its device remembers nothing of a view";

export abstract class FixedViews {
  abstract readonly kind: StoreKind;

  createSnapshot(): number {
    throw this.unsupported("it has its one snapshot from the beginning");
  }
  skipIds(): void {
    throw this.unsupported("it gives no ids");
  }
  deleteSnapshot(): number {
    throw this.unsupported("its snapshot goes with its device: merge it, or drop the device");
  }
  // biome-ignore lint/correctness/useYield: others wait
  *deleteTogether(): Task<void> {
    this.deleteSnapshot();
  }
  renameSnapshot(): number {
    throw this.unsupported("its device remembers no name");
  }
  resize(): number {
    throw this.unsupported(FORGETFUL);
  }
  setReadOnly(): number {
    throw this.unsupported(FORGETFUL);
  }
  setMarks(): number {
    throw this.unsupported(FORGETFUL);
  }
  // biome-ignore lint/correctness/useYield: it is refused
  *setMaxSize(): Task<void> {
    throw this.unsupported("its device remembers no limit: give it with every command");
  }
  canRollBack(): boolean {
    return false;
  }
  rollback(): number {
    throw this.unsupported("its snapshot is merged into its origin instead");
  }

  protected unsupported(why: string): MultisnapError {
    return new MultisnapError("Unsupported", `a store of kind ${this.kind}: ${why}`);
  }
}
