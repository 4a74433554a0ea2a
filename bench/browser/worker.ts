/** In a dedicated worker of a page: takes the turns that its URL asks for and tells the figures. */
import { type Figures, type Measure, takeTurns } from "./contest.ts";
import { ourContestants } from "./ours.ts";
import { rawContestants } from "./raw.ts";
import { sqliteContestants } from "./sqlite.ts";
import { COURSES } from "./workload.ts";

const parameters = new URL(import.meta.url).searchParams;
const courses = COURSES[parameters.get("browser") ?? "chromium"]!;
const measures = (parameters.get("measures") ?? "").split(",") as Measure[];

async function run(): Promise<Figures[]> {
  const journals = (parameters.get("journals") ?? "").split(",");
  const contestants = [
    ...rawContestants(courses),
    ...ourContestants(courses),
    ...(measures.includes("blobs") ? await sqliteContestants(courses, journals) : []),
  ];
  const figures: Figures[] = [];
  for (const measure of measures) {
    const chosen = contestants.filter((contestant) => contestant.measure === measure);
    figures.push(...(await takeTurns(chosen, courses[measure], Number(parameters.get("turns")))));
  }
  return figures;
}

const said = await run().then(
  (figures) => ({ figures }),
  (error) => ({ error: String(error?.stack ?? error) }),
);
await fetch(`../say/${parameters.get("channel")}`, { method: "POST", body: JSON.stringify(said) });
