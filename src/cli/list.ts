/** `list STORE`: the snapshots as a tree. */
import type { Command } from "commander";
import type { SnapshotUsage } from "../volume/types.ts";
import { addDamagedOption, addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, oneLine } from "./output.ts";
import { formatBytes } from "./sizes.ts";
import { table } from "./table.ts";
import { parsePath } from "./target.ts";

const HEADINGS = ["name", "id", "created", "size", "exclusive", "shared", ""];

export function addList(program: Command): void {
  addDamagedOption(
    addStoreCommand(program, "list", "the snapshots as a tree, with the space that each one takes"),
  )
    .argument("<store>", "store file", parsePath)
    .action(async (store: string, options: StoreOptions) => {
      const [size, usages] = await withVolume(
        store,
        { ...options, readOnly: true },
        async (volume) => [volume.origin.size, await volume.snapshotUsage()] as const,
      );
      const snapshots = usages.map(({ name, id, parent, created, ...bytes }) => {
        const { size, readOnly, exclusive, shared, written, ...marks } = bytes;
        const { note, tags, holds } = marks;
        const time = new Date(created).toISOString();
        const facts = { name, id, parent, created: time, size, readOnly };
        return { ...facts, exclusive, shared, written, note, tags, holds };
      });
      const origin = ["origin", "", "", formatBytes(size), "", "", ""];
      const text = table([HEADINGS, origin, ...tree(usages)], [1, 3, 4, 5]);
      await answer(options, { snapshots }, text);
    });
}

interface Branch {
  snapshot: SnapshotUsage;
  /** Drawn before the name, and before the names below it. */
  mark: string;
  below: string;
}

/** Without recursion: a chain of snapshots of snapshots may be longer than a stack is deep. */
function tree(usages: SnapshotUsage[]): string[][] {
  const children = new Map<string | null, SnapshotUsage[]>();
  for (const usage of usages) {
    const siblings = children.get(usage.parent);
    if (siblings === undefined) children.set(usage.parent, [usage]);
    else siblings.push(usage);
  }
  const rows: string[][] = [];
  const waiting = branches(children.get(null) ?? [], "");
  for (let branch = waiting.pop(); branch !== undefined; branch = waiting.pop()) {
    rows.push(row(branch.snapshot, branch.mark));
    waiting.push(...branches(children.get(branch.snapshot.name) ?? [], branch.below));
  }
  return rows;
}

/** Last sibling first, as they are taken from the end. */
function branches(siblings: SnapshotUsage[], indent: string): Branch[] {
  const found = siblings.map((snapshot, index) => {
    const last = index === siblings.length - 1;
    return {
      snapshot,
      mark: `${indent}${last ? "└─ " : "├─ "}`,
      below: `${indent}${last ? "   " : "│  "}`,
    };
  });
  return found.reverse();
}

function row(snapshot: SnapshotUsage, mark: string): string[] {
  return [
    mark + oneLine(snapshot.name),
    String(snapshot.id),
    // A COW device does not say when it was made.
    snapshot.created === 0 ? "unknown" : new Date(snapshot.created).toISOString(),
    formatBytes(snapshot.size),
    formatBytes(snapshot.exclusive),
    formatBytes(snapshot.shared),
    marksOf(snapshot),
  ];
}

function marksOf({ readOnly, note, tags, holds }: SnapshotUsage): string {
  const words = [
    ...(readOnly ? ["read-only"] : []),
    ...(holds.length > 0 ? ["held"] : []),
    ...tags.map((tag) => `[${tag}]`),
    ...(note === null ? [] : [note]),
  ];
  return oneLine(words.join(" "));
}
