/** `receive` where `replicate` is what sends: does what is asked, and answers with one line. */

import { MultisnapError } from "../errors.ts";
import { type AnswerOptions, answerRequest } from "../replicate/answer.ts";
import type { ReplicaRequest } from "../replicate/request.ts";
import { failedAnswer } from "../replicate/target.ts";
import type { Volume } from "../volume/types.ts";
import { writeOut } from "./output.ts";

type Open = <T>(body: (volume: Volume) => Promise<T>) => Promise<T>;

/** The answer goes to standard output, whatever `--json` and `--quiet` say; so does a failure. */
export async function answerOnOutput(
  open: Open,
  request: ReplicaRequest,
  stream: AsyncIterable<Uint8Array>,
  options: AnswerOptions,
): Promise<void> {
  try {
    const answer = await open((volume) => answerRequest(volume, request, stream, options));
    await writeOut(`${JSON.stringify(answer)}\n`);
  } catch (error) {
    const { code, message } =
      error instanceof MultisnapError ? error : { code: "Internal", message: String(error) };
    await writeOut(`${JSON.stringify(failedAnswer(code, message))}\n`).catch(() => {});
    throw error;
  }
}
