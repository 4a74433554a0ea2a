/**
 * Runs in the runtime that is measured: for each line on standard input one turn, whose figures are
 * one line of JSON on standard output. Ends with its input.
 */
import { createInterface } from "node:readline";
import { describeMachine } from "../machine.ts";
import type { Context } from "../row.ts";
import { openScratch } from "../scratch.ts";
import { type Group, prepare } from "./workload.ts";

const scratch = openScratch();
const context: Context = { machine: describeMachine(), scratch, say: () => {} };
const turn = await prepare(process.argv.slice(2) as Group[]);
console.log(JSON.stringify({ ready: true }));
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await turn(context)));
}
scratch.remove();
