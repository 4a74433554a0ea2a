/** What is answered where another snapshot has the name. */
import { MultisnapError } from "../errors.ts";

/** `advice`: what to do. */
export function isTaken(name: string, advice?: string): MultisnapError {
  const taken = `a snapshot is called ${JSON.stringify(name)} already`;
  return new MultisnapError("Exists", advice === undefined ? taken : `${taken}: ${advice}`);
}
