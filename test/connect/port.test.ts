/** A volume behind a port is a volume: the conformance suite, every answer late. */
import { placesOf } from "../conformance/place.ts";
import { conformance } from "../conformance/view.ts";
import { portSubjects } from "./subjects.ts";

for (const subject of portSubjects) {
  const late = placesOf(subject.capabilities).filter(({ medium }) => medium === "late");
  for (const place of late) conformance(subject, place).run();
}
