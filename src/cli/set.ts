/** `set STORE NAME`: what a snapshot is marked with, and whether it takes writes. */
import type { Command } from "commander";
import type { ViewChanges } from "../volume/types.ts";
import { addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  readOnly?: boolean;
  writable?: boolean;
  note?: string;
  tag?: string[];
  untag?: string[];
}

export function addSet(program: Command): void {
  addStoreCommand(program, "set", "mark a snapshot, or switch it between read-only and writable")
    .argument("<store>", "store file", parsePath)
    .argument("<name>", "of a snapshot")
    .option("--read-only", "it takes no writes from now on")
    .option("--writable", "it takes writes from now on")
    .option("--note <text>", "for people; an empty text: none")
    .option("--tag <tag>", "adds a tag; repeatable", collect)
    .option("--untag <tag>", "takes a tag away; repeatable", collect)
    .action(async (store: string, name: string, options: Options, command: Command) => {
      if (options.readOnly && options.writable) {
        command.error("error: --read-only and --writable: give one of them", { exitCode: 2 });
      }
      const now = await withVolume(store, storeOptions(options), async (volume) => {
        await volume.set(name, changesOf(options, volume.get(name).tags));
        const { id, readOnly, note, tags, holds } = volume.get(name);
        return { name, id, readOnly, note, tags, holds };
      });
      await notice(options, now, `${store}@${name}: ${describe(now)}`);
    });
}

/** `readOnly` of opening a store is something else. */
function storeOptions({ readOnly: _, ...options }: Options): StoreOptions {
  return options;
}

function changesOf(options: Options, tags: readonly string[]): ViewChanges {
  const { readOnly, writable, note, tag = [], untag = [] } = options;
  const left = [...tags, ...tag].filter((one) => !untag.includes(one));
  return {
    ...((readOnly || writable) && { readOnly: readOnly === true }),
    ...(note !== undefined && { note: note === "" ? null : note }),
    ...(tag.length + untag.length > 0 && { tags: left }),
  };
}

function describe(view: { readOnly: boolean; note: string | null; tags: readonly string[] }) {
  const state = view.readOnly ? "read-only" : "writable";
  const tags = view.tags.length > 0 ? `, tags ${view.tags.join(" ")}` : "";
  return `${state}${tags}${view.note === null ? "" : `, ${view.note}`}`;
}

function collect(text: string, texts: string[] = []): string[] {
  return [...texts, text];
}
