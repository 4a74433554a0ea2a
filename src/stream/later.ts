/** The streams for pages: loaded with the first one. Their docstrings are at their homes. */
import type * as streams from "./streams.ts";

const load = (): Promise<typeof streams> => import("./streams.ts");

export const sendStream: typeof streams.sendStream = async function* (...given) {
  yield* (await load()).sendStream(...given);
};

export const receiveStream: typeof streams.receiveStream = async (...given) =>
  (await load()).receiveStream(...given);

export const halfReceived: typeof streams.halfReceived = async (...given) =>
  (await load()).halfReceived(...given);

export const dropReceived: typeof streams.dropReceived = async (...given) =>
  (await load()).dropReceived(...given);
