/**
 * Operations that bring a stream of snapshots to a served volume: `receive` runs as long as the
 * stream does, `feed` brings a part of it.
 */
import { MultisnapError } from "../errors.ts";
import { dropReceived, halfReceived } from "../stream/half-way.ts";
import { receiveStream } from "../stream/receive.ts";
import { flagOf, textOf } from "./arguments.ts";
import type { HeldViews } from "./held.ts";
import { Intake } from "./intake.ts";
import type { Call, Operation, Result, Served } from "./operations.ts";

/** Of each connection, the stream that it sends. */
const intakes = new WeakMap<HeldViews, Intake>();

/** The stream may come right behind it: there is an intake before any request after it is read. */
async function receive({ volume }: Served, call: Call): Promise<Result> {
  const { head, held, signal, progress } = call;
  if (intakes.has(held)) {
    throw new MultisnapError("Busy", "this connection sends a stream already");
  }
  const intake = new Intake();
  intakes.set(held, intake);
  signal.addEventListener("abort", () => intake.fail(signal.reason));
  const name = head.name === null ? undefined : textOf(head, "name");
  const [resume, drop] = [flagOf(head, "resume"), flagOf(head, "drop")];
  try {
    const received = await receiveStream(volume, intake, { resume, drop, name, signal, progress });
    return { head: { received } };
  } finally {
    await intake.return();
    intakes.delete(held);
  }
}

async function feed(_: Served, { head, held, payload }: Call): Promise<Result> {
  const intake = intakes.get(held);
  if (!intake) throw new MultisnapError("Closed", "control request: nobody reads the stream");
  await intake.put(flagOf(head, "end") ? null : payload);
  return {};
}

async function half({ volume }: Served): Promise<Result> {
  return { head: { half: await halfReceived(volume) } };
}

async function forget({ volume }: Served): Promise<Result> {
  await dropReceived(volume);
  return {};
}

export const STREAMS: readonly [string, Operation][] = [
  ["receive", { changes: true, views: true, run: receive }],
  ["feed", { run: feed }],
  ["half", { run: half }],
  ["forget", { run: forget }],
];
