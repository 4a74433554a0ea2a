/** `replicate --to DIR`: the copy is a store of the same name in another folder. */
import fs from "node:fs";
import path from "node:path";
import { MultisnapError } from "../errors.ts";
import { answerRequest } from "../replicate/answer.ts";
import { takeRequest } from "../replicate/request.ts";
import type { ReplicaTarget } from "../replicate/target.ts";
import { createMissing } from "./create.ts";
import { sameFile } from "./open.ts";
import { withShared } from "./shared.ts";

/** The folder has to be there at every exchange: it may be a disk that is not mounted now. */
export function folderTarget(folder: string, store: string): ReplicaTarget {
  const copy = path.resolve(folder, path.basename(store));
  return {
    name: copy,
    exchange: async (bytes, signal) => {
      if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
        throw new MultisnapError("NotFound", `${folder}: no such folder; make or mount it`);
      }
      if (sameFile(copy, [store]) !== null) {
        throw new MultisnapError("Invalid", `${copy} is the store itself: give another folder`);
      }
      const { request, stream } = await takeRequest(bytes);
      // What is replicated asks, always.
      if (!request) throw new MultisnapError("Internal", "an exchange without a request");
      await createMissing(copy, request);
      return withShared(copy, {}, (volume) => answerRequest(volume, request, stream, { signal }));
    },
  };
}
