/** Features without which a store cannot be read: in the superblock before anything needs them. */
import { SUPER } from "./memory";
import { SUPER_INCOMPATIBLE } from "./layout";
import { CHECKPOINT } from "./status";

export function hasFeature(feature: u32): bool {
  return (load<u32>(SUPER + SUPER_INCOMPATIBLE) & feature) != 0;
}

/**
 * 0 where the superblock on the device has the features; else CHECKPOINT, which writes it. So an
 * older program never meets an operation that it does not know.
 */
export function needFeatures(features: u32): i32 {
  const has = load<u32>(SUPER + SUPER_INCOMPATIBLE);
  if ((has & features) == features) return 0;
  store<u32>(SUPER + SUPER_INCOMPATIBLE, has | features);
  return CHECKPOINT;
}
