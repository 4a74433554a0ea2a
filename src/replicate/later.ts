/** Replication for who imports the library: loaded when it is asked for. */
import type * as answers from "./answer.ts";
import type * as replication from "./replicate.ts";

/** Its docstring is at its home, replicate.ts. */
export async function* replicate(
  ...given: Parameters<typeof replication.replicate>
): AsyncGenerator<replication.ReplicaEvent, void, undefined> {
  const { replicate } = await import("./replicate.ts");
  yield* replicate(...given);
}

/** Its docstring is at its home, answer.ts. */
export const answerReplica: typeof answers.answerReplica = async (...given) => {
  const { answerReplica } = await import("./answer.ts");
  return answerReplica(...given);
};
