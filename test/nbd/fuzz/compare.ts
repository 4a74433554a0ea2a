/** Holds what a server has said against what it had to say. */
import { CHUNK } from "../messages.ts";
import { Cursor } from "./cursor.ts";
import type { Answer, Outcome } from "./reference.ts";

/** Throws with the first difference. `said`: everything from the greeting to the end. */
export function compare(said: Buffer, expected: Outcome): void {
  const came = new Cursor(said);
  try {
    compareHandshake(came, expected);
    compareAnswers(came, expected);
  } catch (error) {
    if (error instanceof Missing && expected.end === "killed") return;
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message} (byte ${came.at} of ${said.length}, ${expected.end})`);
  }
}

/** The stream ended where more had to come. */
class Missing extends Error {}

function need(came: Cursor, count: number, what: string): void {
  if (!came.has(count)) throw new Missing(`${what} is missing`);
}

function compareHandshake(came: Cursor, expected: Outcome): void {
  need(came, 18, "the greeting");
  if (came.take(18).toString("latin1") !== "NBDMAGICIHAVEOPT\0\x03") throw new Error("greeting");
  for (const { option, types } of expected.options) {
    for (const type of types) {
      if (type !== null) {
        compareOption(came, option, type);
        continue;
      }
      while (came.has(20) && came.bytes.readUInt32BE(came.at + 12) === 4) {
        compareOption(came, option, 4);
      }
    }
  }
  need(came, expected.exportNameBytes, "the answer to EXPORT_NAME");
  came.take(expected.exportNameBytes);
}

function compareOption(came: Cursor, option: number, type: number): void {
  need(came, 20, `a reply to option ${option}`);
  if (came.u64() !== 0x3e889045565a9n) throw new Error("magic of an option's reply");
  const [toOption, ofType, length] = [came.u32(), came.u32(), came.u32()];
  if (toOption !== option || ofType !== type) {
    throw new Error(`reply ${ofType} to option ${toOption}, not ${type} to ${option}`);
  }
  need(came, length, "data of a reply");
  came.take(length);
}

/** Each request is answered once, in any order. */
function compareAnswers(came: Cursor, { answers, structured }: Outcome): void {
  const open = new Map<bigint, Answer[]>();
  for (const answer of answers) {
    const same = open.get(answer.cookie);
    if (same) same.push(answer);
    else open.set(answer.cookie, [answer]);
  }
  // Which of several with one cookie is answered shows in nothing but what they have in common.
  if (!structured && [...open.values()].some(differ)) return;
  let left = answers.length;
  for (; came.left > 0; left--) {
    const { cookie, error, dataBytes } = structured ? chunks(came) : simple(came, open);
    const same = open.get(cookie);
    const index = same?.findIndex(
      (one) => one.errors.includes(error) && (error !== 0 || one.dataBytes === dataBytes),
    );
    if (!same || index === undefined || index < 0) {
      const wanted = JSON.stringify(same?.map(({ type, errors }) => ({ type, errors })));
      throw new Error(`cookie ${cookie}: error ${error}, ${dataBytes} bytes; expected ${wanted}`);
    }
    same.splice(index, 1);
    if (same.length === 0) open.delete(cookie);
  }
  if (left > 0) throw new Missing(`${left} of ${answers.length} answers are missing`);
}

function differ(same: Answer[]): boolean {
  const sizes = new Set(same.map(({ dataBytes, errors }) => (errors.includes(0) ? dataBytes : 0)));
  return sizes.size > 1;
}

interface Answered {
  cookie: bigint;
  error: number;
  dataBytes: number;
}

function simple(came: Cursor, open: Map<bigint, Answer[]>): Answered {
  need(came, 16, "a reply");
  if (came.u32() !== 0x67446698) throw new Error("magic of a simple reply");
  const [error, cookie] = [came.u32(), came.u64()];
  const dataBytes = error === 0 ? (open.get(cookie)?.[0]?.dataBytes ?? 0) : 0;
  need(came, dataBytes, "data");
  came.take(dataBytes);
  return { cookie, error, dataBytes };
}

/** Chunks of one reply: the server sends them together. */
function chunks(came: Cursor): Answered {
  let error = 0;
  let dataBytes = 0;
  for (;;) {
    need(came, 20, "a chunk");
    if (came.u32() !== 0x668e33ef) throw new Error("magic of a chunk");
    const [flags, type, cookie, length] = [came.u16(), came.u16(), came.u64(), came.u32()];
    need(came, length, "a chunk's data");
    const data = new Cursor(came.take(length));
    if (type === CHUNK.error) error = errorOf(data);
    else if (type === CHUNK.data) dataBytes += length - 8;
    else if (type === CHUNK.blockStatus && length % 8 !== 4) throw new Error("block status");
    else if (type === CHUNK.none && length !== 0) throw new Error("nothing has no length");
    else if (type !== CHUNK.none && type !== CHUNK.blockStatus) throw new Error(`chunk ${type}`);
    if ((flags & 1) !== 0) return { cookie, error, dataBytes };
  }
}

function errorOf(data: Cursor): number {
  const error = data.u32();
  if (data.u16() !== data.left || error === 0) throw new Error("a malformed error");
  return error;
}
