/** A volume in a worker is a volume: the conformance suite on files, over messages. */
import { workerConformance } from "./conformance.ts";

workerConformance(false);
