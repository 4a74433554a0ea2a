/** A story on devices of which one fails, and of which all are watched. */
import type { Device } from "../../src/devices/device.ts";
import type { Role } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { Failing, Watch } from "../model/watched.ts";
import { Story } from "./story.ts";

export interface FaultyWorld {
  subject: Subject;
  mode: OriginMode;
  /** Which device fails. */
  role: Role;
  /** Devices that answer late. */
  late: boolean;
}

export interface Faulty {
  failing: Failing;
  /** What is asked of all devices. */
  watch: Watch;
  story: Story;
}

const CHUNKS = 24;

export async function beginFaulty({ subject, mode, role, late }: FaultyWorld): Promise<Faulty> {
  const [failing, watch, random] = [new Failing(), new Watch(), new Random(5)];
  const wrap = (device: Device, which: Role) => {
    const watched = watch.device(which === role ? failing.device(device) : device);
    return late ? lateDevice(watched, random.fork()) : watched;
  };
  const story = await Story.begin(subject, 3, { mode, chunks: CHUNKS, wrap });
  return { failing, watch, story };
}
