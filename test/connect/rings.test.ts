/** A volume in a worker is a volume: the conformance suite on files, over rings. */
import { workerConformance } from "./conformance.ts";

workerConformance(true);
