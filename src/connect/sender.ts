/** A client's side of a stream to a served volume. */
import { MultisnapError } from "../errors.ts";
import type { Received, ReceiveOptions } from "../stream/receive.ts";
import { untilAborted } from "../stream/source.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { Head } from "./message.ts";
import type { Answer, Ask } from "./session.ts";

type Request = (op: string, head?: Head, ask?: Ask) => Promise<Answer>;

/** What the server answers in the end. Where `source` fails, it keeps what has come. */
export async function sendThrough(
  request: Request,
  source: AsyncIterable<Uint8Array>,
  { resume = false, drop = false, name, signal, progress }: ReceiveOptions,
): Promise<Received> {
  const broken = new AbortController();
  const end = () => broken.abort(signal!.reason);
  signal?.addEventListener("abort", end);
  const head = { resume, drop, name: name ?? null };
  const answer = request("receive", head, { signal: broken.signal, progress });
  let isOver = false;
  const over = answer.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  try {
    for await (const part of untilAborted(source, signal)) {
      for (let at = 0; at < part.length && !isOver; at += PAYLOAD_BYTES_MAX) {
        // Parts are the caller's again when the next one is asked for.
        const payload = part.slice(at, at + PAYLOAD_BYTES_MAX);
        await Promise.race([over, request("feed", { end: false }, { payload })]);
      }
      if (isOver) break;
    }
    if (!isOver) await Promise.race([over, request("feed", { end: true })]);
  } catch (error) {
    broken.abort(new MultisnapError("Closed", "the stream broke off", { cause: error }));
    await over;
    // Where the server has said why it takes no more, that counts.
    if (!isClosed(error)) throw error;
  } finally {
    signal?.removeEventListener("abort", end);
  }
  return (await answer).head.received as Received;
}

function isClosed(error: unknown): boolean {
  return error instanceof MultisnapError && error.code === "Closed";
}
