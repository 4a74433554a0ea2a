/** What every entry gives: the library without the devices that only some platforms have. */
export type { Exported, ExportOptions } from "./convert/export-cow.ts";
export type { CowSource } from "./convert/import-cow.ts";
export type { Device, Later, Quota } from "./devices/device.ts";
export type { HttpDevice, HttpDeviceOptions, HttpPin, HttpTraffic } from "./devices/http.ts";
export { type MemoryDeviceOptions, memoryDevice } from "./devices/memory.ts";
export { type EngineSource, useEngine } from "./engine/source.ts";
export { type Env, seededEnv, systemEnv } from "./env.ts";
export { type ErrorCode, MultisnapError } from "./errors.ts";
export type { AnswerOptions, ReplicaAnswer } from "./replicate/answer.ts";
export type {
  Failed,
  ReplicaEvent,
  ReplicaSource,
  ReplicateOptions,
} from "./replicate/replicate.ts";
export type { Sent } from "./replicate/round.ts";
export type { ReplicaTarget } from "./replicate/target.ts";
export type { HalfWay } from "./stream/half-way.ts";
export type { Received, ReceiveOptions } from "./stream/receive.ts";
export type { SendOptions } from "./stream/send.ts";
export type { SnapshotIdentity } from "./volume/identity/identity.ts";
export { dumpStore, restoreStore, snapshotAll } from "./volume/later.ts";
export type { GroupMember } from "./volume/life/snapshot-all.ts";
export { type CheckStoreOptions, checkStore } from "./volume/open/check-store.ts";
export type { DumpOptions, RestoreOptions } from "./volume/open/dump-store.ts";
export { openVolume, peekStore } from "./volume/open/open.ts";
export { repairStore } from "./volume/open/repair-store.ts";
export type { Changed, Named, VolumeEvent, WatchOptions } from "./volume/reports/watchers.ts";
export type {
  Accounting,
  AccountingOptions,
  ByteRange,
  CheckOptions,
  CheckProblem,
  CheckReport,
  Counters,
  CreateOptions,
  Damage,
  DiffOptions,
  Extent,
  GivenUp,
  Hold,
  Loaded,
  Loss,
  OpenOptions,
  ProgressOptions,
  Pruned,
  RepairReport,
  SnapshotOptions,
  SnapshotUsage,
  Status,
  StoreKind,
  Usage,
  View,
  Volume,
} from "./volume/types.ts";
