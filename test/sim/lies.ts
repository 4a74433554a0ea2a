/**
 * Devices that lied: a flush that answered and did nothing, a write that landed elsewhere or
 * nowhere. That is not survived. What must hold: opening, checking and reading end, with an answer
 * or an error of ours that is not `Internal`. What was found is counted.
 */
import { MultisnapError } from "../../src/errors.ts";
import type { Volume } from "../../src/volume/types.ts";
import type { Image } from "../model/image.ts";
import type { Lied } from "./faults.ts";
import { Machine, optionsOf } from "./machine.ts";
import { compareViews, type Expectation, type Scene } from "./verify.ts";

/** Power cuts by what was found. */
export interface Found {
  /** Everything was right all the same. */
  right: number;
  /** Open, check or a read said that something is damaged. */
  detected: number;
  /**
   * Not said: views are as at no moment. After a lie about metadata that is the last record lost,
   * on whose strength something was overwritten (GUARANTEES.md, section 4).
   */
  wrong: number;
  /** Not said: the store has the views, and they the bytes, of an earlier moment. */
  older: number;
}

/** The same by what the lie was about. */
export type Lies = Record<Lied | "several", Found>;

export function noLies(): Lies {
  const none = () => ({ right: 0, detected: 0, wrong: 0, older: 0 });
  return { data: none(), metadata: none(), flush: none(), cow: none(), several: none() };
}

export function addLies(total: Lies, lies: Lies): void {
  for (const [about, found] of Object.entries(lies) as [keyof Lies, Found][]) {
    for (const key of Object.keys(found) as (keyof Found)[]) total[about][key] += found[key];
  }
}

/** One part of a line for each kind of lie that there was. */
export function describeLies(lies: Lies): string[] {
  return Object.entries(lies).flatMap(([about, { right, detected, wrong, older }]) => {
    const all = right + detected + wrong + older;
    if (all === 0) return [];
    const told = `${right} right, ${detected} detected, ${wrong} wrong, ${older} of earlier`;
    return [`${all} after lies about ${about} (${told})`];
  });
}

/** `ReadOnly`: the store stopped when it met the damage, and cannot write what it was to. */
const TELLING = ["Corrupt", "Invalid", "NotFound", "Unsupported", "ReadOnly"];

/** A power cut after device event `point`. */
export interface Cut {
  point: number;
  /** What views may read after a power cut at a moment. */
  expected: (moment: number) => Expectation;
}

export async function verifyLie(
  scene: Scene,
  images: Image[],
  { point, expected }: Cut,
  found: Found,
): Promise<void> {
  const { subject, world, digest, random } = scene;
  scene.cuts.count++;
  const timing = { random: random.fork(), late: false };
  const machine = new Machine(world, images, digest, timing);
  machine.power.records = false;
  const kind = await machine.power.settled(judge(), "opening what a liar left");
  found[kind]++;

  async function isAs(volume: Volume, moment: number): Promise<boolean> {
    try {
      await compareViews(volume, expected(moment), digest);
      return true;
    } catch (error) {
      if (error instanceof MultisnapError) throw error;
      return false;
    }
  }

  async function judge(): Promise<keyof Found> {
    try {
      const volume = await subject.open(machine.devices(), optionsOf(world, false, subject));
      const { clean } = await volume.check();
      try {
        if (await isAs(volume, point)) return clean ? "right" : "detected";
        if (!clean) return "detected";
        for (let moment = point - 1; moment >= 0; moment--) {
          if (await isAs(volume, moment)) return "older";
        }
        return "wrong";
      } finally {
        await volume.close();
      }
    } catch (error) {
      if (error instanceof MultisnapError && TELLING.includes(error.code)) return "detected";
      throw error;
    }
  }
}
