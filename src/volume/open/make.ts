/** Makes a store, where there is none yet. */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import { CAPABILITIES, createStore, type Setup } from "../../stores/kinds.ts";
import type { ExceptionStore } from "../../stores/store.ts";
import { run } from "../../task.ts";
import type { CreateOptions, OpenOptions } from "../types.ts";
import { checkMaxSize, checkSize, invalid, modeOf, patternsOf, refuseVictims } from "./options.ts";

const CHUNK_DEFAULT = 4096;

export async function makeStore(
  options: OpenOptions,
  create: CreateOptions,
  setup: Setup,
): Promise<ExceptionStore> {
  const { store: device } = options;
  if (options.readOnly) throw invalid("a volume is not made read-only");
  await patternsOf(create.victims);
  const kind = create.kind ?? "range";
  if (!Object.hasOwn(CAPABILITIES, kind)) {
    throw invalid(`${JSON.stringify(kind)} is not a kind of store`);
  }
  const { origins, chunk: bounds, fixed } = CAPABILITIES[kind];
  refuseVictims(kind, options.victims);
  if (fixed && (create.victims || create.preserveOnError === false)) {
    throw invalid(`a store of kind ${kind} remembers nothing: neither victims nor preserveOnError`);
  }
  const mode = modeOf(options);
  if (!origins.includes(mode)) {
    throw invalid(`a store of kind ${kind} has an origin that is ${origins.join(" or ")}: ${mode}`);
  }
  const chunk = create.chunk ?? CHUNK_DEFAULT;
  const [least, most] = bounds;
  if (!Number.isInteger(chunk) || chunk < least || chunk > most || Math.log2(chunk) % 1 !== 0) {
    throw invalid(`chunk ${chunk}: it must be a power of two from ${least} to ${most}`);
  }
  const size = checkSize(create.size ?? options.origin?.size() ?? options.base?.size(), options);
  if (fixed && size !== options.origin?.size()) {
    throw invalid(`size ${size}: a store of kind ${kind} does not remember it, its origin has one`);
  }
  const maxSize = checkMaxSize(create.maxSize ?? options.maxSize);
  await refuseUsed(device);
  const paths = { originPath: create.originPath ?? null, basePath: create.basePath ?? null };
  const victims = create.victims?.trim() || null;
  const policy = { victims, preserves: create.preserveOnError ?? true };
  const checksums = create.checksums ?? false;
  const format = { size, chunk, mode, maxSize, ...paths, policy, checksums };
  return await run(createStore(kind, device, format, setup));
}

/**
 * A store is made where nothing is: a file that is not empty, or a disk that does not begin with
 * zeros, is somebody's.
 */
async function refuseUsed(device: Device): Promise<void> {
  if (device.readOnly) throw new MultisnapError("ReadOnly", `${device.name} is read-only`);
  if (device.size() === 0) return;
  const head = new Uint8Array(8192);
  await device.read(head, 0, head.length, 0);
  if (!device.growable && head.every((byte) => byte === 0)) return;
  throw new MultisnapError(
    "Exists",
    `${device.name} is not empty: choose another, or empty it first`,
  );
}
