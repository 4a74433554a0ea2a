/** A served volume is a volume: the conformance suite through the socket. */
import { placesOf } from "../conformance/place.ts";
import { conformance } from "../conformance/view.ts";
import { servedSubjects } from "./served.ts";

for (const subject of servedSubjects) {
  // Through a socket every answer is late, whatever the medium.
  const late = placesOf(subject.capabilities).filter(({ medium }) => medium === "late");
  for (const place of late) conformance(subject, place).run();
}
