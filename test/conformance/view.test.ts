/** The conformance suite over every subject, origin mode, chunk size and medium. */
import { subjects } from "../model/openers.ts";
import { placesOf } from "./place.ts";
import { conformance } from "./view.ts";

for (const subject of subjects) {
  for (const place of placesOf(subject.capabilities)) conformance(subject, place).run();
}
