/** The conformance suite over volumes in workers. */
import { placesOf } from "../conformance/place.ts";
import { conformance } from "../conformance/view.ts";
import { workerSubjects } from "./subjects.ts";

export function workerConformance(shared: boolean): void {
  for (const subject of workerSubjects(shared)) {
    const files = placesOf(subject.capabilities).filter(({ medium }) => medium === "file");
    for (const place of files) conformance(subject, place).run();
  }
}
