/**
 * Deno and Bun against Node: the same work in a process of each, in turns, so that what disturbs
 * the machine disturbs all of them.
 */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import {
  fileArguments,
  findProgram,
  type Program,
  type ProgramName,
  root,
} from "../../test/runtimes/programs.ts";
import { medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { type Context, comparedRow, plainRow, type Row, skippedRow } from "../row.ts";
import { touchMemory } from "../scratch.ts";
import type { Figures, Group } from "./workload.ts";

const TARGET = { least: 0.8 };
/** What a turn takes: the file, and new places for all of it. */
const TOUCHED = 3 * 2 ** 28;

interface Contestant {
  turn(): Promise<Figures>;
  end(): Promise<void>;
}

async function start({ name, path: command }: Program, asked: readonly Group[]) {
  const file = path.join(root, "bench", "runtimes", "child.ts");
  const child = spawn(command, [...fileArguments(name), file, ...asked], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Figures> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended before its figures came`);
    return JSON.parse(value);
  };
  await next();
  const contestant: Contestant = {
    turn: () => {
      child.stdin.write("turn\n");
      return next();
    },
    end: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin.end();
      }),
  };
  return contestant;
}

const unitOf = (figure: string) => /\((ns|us)\)$/.exec(figure)?.[1] ?? "op/s";

/** Rows of each runtime that is asked for and here; Node's own where only Node is asked for. */
export async function runtimeRows(
  context: Context,
  names: readonly ProgramName[],
  asked: readonly Group[],
): Promise<Row[]> {
  const wanted: ProgramName[] = ["node", ...names.filter((name) => name !== "node")];
  const rows: Row[] = [];
  const contestants = new Map<string, Contestant>();
  for (const name of wanted) {
    const program = findProgram(name);
    if (!program) {
      rows.push(skippedRow(name, TARGET, `no ${name} here`));
      continue;
    }
    context.say(`${name} ${program.version}: ${asked.join(", ")}`);
    contestants.set(name, await start(program, asked));
  }
  try {
    const turns = await takeTurns(
      Object.fromEntries([...contestants].map(([name, { turn }]) => [name, turn])),
      TURNS,
      () => touchMemory(context.scratch, TOUCHED),
    );
    const node = turns.node ?? [];
    for (const figure of Object.keys(node[0] ?? {})) {
      const unit = unitOf(figure);
      const nodes = { name: "Node", value: medianOf(node, figure), unit };
      if (names.length === 1 && names[0] === "node") rows.push(plainRow(figure, nodes, null));
      for (const name of wanted.slice(1)) {
        const theirs = turns[name];
        if (!theirs) continue;
        const ours = { value: medianOf(theirs, figure), unit };
        const isTime = unit !== "op/s";
        const [over, under] = isTime ? [node, theirs] : [theirs, node];
        const ratio = ratioOf(over, figure, under, figure);
        rows.push(comparedRow(`${name}: ${figure}`, ours, nodes, ratio, TARGET));
      }
    }
  } finally {
    for (const contestant of contestants.values()) await contestant.end();
  }
  return rows;
}
