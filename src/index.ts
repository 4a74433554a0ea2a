/** The library under Node, Deno and Bun: what `import ... from "multisnap"` gives. */
import "./volume/preloaded.ts";

export type { NamedDevice } from "./connect/options.ts";
export { connectVolume, type ThreadOptions } from "./connect-threads.ts";
export { exportCow } from "./convert/export-cow.ts";
export { importCows } from "./convert/import-cow.ts";
export { type FileDeviceOptions, fileDevice } from "./devices/file.ts";
export { httpDevice } from "./devices/http.ts";
export * from "./library.ts";
export { answerReplica } from "./replicate/answer.ts";
export { replicate } from "./replicate/replicate.ts";
export {
  dropReceived,
  halfReceived,
  receiveStream,
  sendStream,
} from "./stream/streams.ts";
