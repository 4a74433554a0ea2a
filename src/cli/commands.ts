/** The commands in the order of the help. One is loaded when it is asked for. */
import type { Command } from "commander";

/** Adds a command to the program. */
export type AddCommand = (program: Command) => void;

export const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  create: async () => (await import("./create.ts")).addCreate,
  import: async () => (await import("./import.ts")).addImport,
  export: async () => (await import("./export.ts")).addExport,
  read: async () => (await import("./read.ts")).addRead,
  write: async () => (await import("./write.ts")).addWrite,
  snapshot: async () => (await import("./snapshot.ts")).addSnapshot,
  list: async () => (await import("./list.ts")).addList,
  rename: async () => (await import("./rename.ts")).addRename,
  delete: async () => (await import("./delete.ts")).addDelete,
  rollback: async () => (await import("./rollback.ts")).addRollback,
  resize: async () => (await import("./resize.ts")).addResize,
  set: async () => (await import("./set.ts")).addSet,
  hold: async () => (await import("./hold.ts")).addHold,
  release: async () => (await import("./hold.ts")).addRelease,
  diff: async () => (await import("./diff.ts")).addDiff,
  send: async () => (await import("./send.ts")).addSend,
  receive: async () => (await import("./receive.ts")).addReceive,
  replicate: async () => (await import("./replicate.ts")).addReplicate,
  watch: async () => (await import("./watch.ts")).addWatch,
  status: async () => (await import("./status.ts")).addStatus,
  check: async () => (await import("./check.ts")).addCheck,
  dump: async () => (await import("./dump.ts")).addDump,
  restore: async () => (await import("./restore.ts")).addRestore,
  message: async () => (await import("./message.ts")).addMessage,
  merge: async () => (await import("./merge.ts")).addMerge,
  "import-cow": async () => (await import("./import-cow.ts")).addImportCow,
  "export-cow": async () => (await import("./export-cow.ts")).addExportCow,
  serve: async () => (await import("./serve.ts")).addServe,
};
