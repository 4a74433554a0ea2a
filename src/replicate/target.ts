/** Where a volume is replicated to, and what comes back from there. */
import { isErrorCode, MultisnapError } from "../errors.ts";
import type { ReplicaAnswer } from "./answer.ts";

export interface ReplicaTarget {
  /** For people, and in the hold of the snapshot that both sides have. */
  readonly name: string;
  /**
   * Brings `bytes` to `answerReplica` on the other side, and answers what that did, or null where
   * nothing came back. Takes the next part only when it has got rid of the one before. One at a
   * time. Aborted, it ends as soon as it can. What it throws that is no `MultisnapError` is an
   * `Io`.
   */
  exchange(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<unknown>;
}

/** Errors: what the other side answered (with its name before it); `Io`: nothing that it says. */
export function checkAnswer({ name }: Pick<ReplicaTarget, "name">, answer: unknown): ReplicaAnswer {
  const found = (typeof answer === "object" ? answer : null) as Partial<ReplicaAnswer> | null;
  if (found?.replica !== 1) {
    const why = "gave no answer: it has to be, or end in, `multisnap receive STORE`";
    throw new MultisnapError("Io", `${name}: ${why}`);
  }
  if (found.error) {
    const { code, message } = found.error;
    throw new MultisnapError(isErrorCode(code) ? code : "Io", `${name}: ${message}`);
  }
  const isWhole = Array.isArray(found.has) && typeof found.snapshots === "number";
  if (isWhole) return found as ReplicaAnswer;
  throw new MultisnapError("Corrupt", `${name}: its answer is not whole`);
}

/** What goes back when it failed. */
export function failedAnswer(code: string, message: string): object {
  return { replica: 1, error: { code, message } };
}
