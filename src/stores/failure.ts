/** What a store answers once it takes no more changes. */
import { MultisnapError } from "../errors.ts";

/** What every change is answered after a failure. */
export function refusal(failure: Error): MultisnapError {
  if (failure instanceof MultisnapError && failure.code === "Internal") return failure;
  const why = `the volume takes no more writes, because: ${failure.message}`;
  return new MultisnapError("ReadOnly", `${why}; mend the cause and open it again`, {
    cause: failure,
  });
}
