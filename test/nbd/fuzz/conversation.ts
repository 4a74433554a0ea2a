/** Conversations of a client with a server, most of whose messages are malformed. */
import type { Random } from "../../model/prng.ts";
import {
  CMD,
  contextData,
  FLAG,
  infoData,
  OPT,
  option,
  request,
  u32,
  writeRequest,
} from "../messages.ts";
import { bits, harsh, length, offset, optionFields, requestFields } from "./mutate.ts";
import type { World } from "./reference.ts";

/** Share of messages that are left as they should be. */
const GOOD = 0.12;
/** Of those in the middle of a conversation, that are changed so that it goes on or not. */
const HARSH = 0.03;

export interface Message {
  bytes: Buffer;
  isMalformed: boolean;
}

export function conversation(random: Random, world: World): Message[] {
  if (random.chance(0.03)) return garbage(random);
  const flags = u32(random.pick([3, 3, 3, 3, 1, 0, 2]));
  const first = { bytes: flags, isMalformed: false };
  if (random.chance(0.04)) return [{ bytes: bits(random, flags), isMalformed: true }];
  if (random.chance(0.4)) {
    const options = Array.from({ length: random.between(1, 25) }, () => anOption(random, world));
    return [first, ...malformed(random, options, optionFields)];
  }
  const options = opening(random, world).map((bytes) => ({ bytes, isMalformed: false }));
  const requests = Array.from({ length: random.between(1, 60) }, (_, i) =>
    aRequest(random, world.size, BigInt(i)),
  );
  const change = (random: Random, bytes: Buffer) => requestFields(random, bytes, world.size);
  return [first, ...options, ...malformed(random, requests, change)];
}

function garbage(random: Random): Message[] {
  const count = random.between(1, 4);
  return Array.from({ length: count }, () => ({
    bytes: Buffer.from(random.bytes(random.between(1, 200))),
    isMalformed: true,
  }));
}

function malformed(
  random: Random,
  messages: Buffer[],
  gentle: (random: Random, bytes: Buffer) => Buffer,
): Message[] {
  return messages.flatMap((bytes, index) => {
    if (random.chance(GOOD)) return [{ bytes, isMalformed: false }];
    const isLast = index === messages.length - 1;
    const other = messages[random.below(messages.length)] as Buffer;
    if (isLast || random.chance(HARSH)) {
      return [{ bytes: harsh(random, bytes, other), isMalformed: true }];
    }
    const changed = { bytes: gentle(random, bytes), isMalformed: true };
    return random.chance(0.05) ? [changed, changed] : [changed];
  });
}

function name(random: Random, world: World): string {
  const none = ["@", "none", "@none", "x".repeat(4097)];
  return random.pick(random.chance(0.1) ? none : world.own);
}

function queries(random: Random, world: World): string[] {
  const all = [...world.contexts, "base:", "multisnap:", "multisnap:diff:", "x:y", ""];
  return Array.from({ length: random.below(4) }, () => random.pick(all));
}

function anOption(random: Random, world: World): Buffer {
  const code = random.pick(Object.values(OPT));
  if (code === OPT.info || code === OPT.go) {
    const wanted = Array.from({ length: random.below(5) }, () => random.below(5));
    // A GO that is understood ends the handshake: seldom.
    const kind = random.chance(0.9) ? OPT.info : code;
    return option(kind, infoData(name(random, world), wanted));
  }
  if (code === OPT.listMetaContext || code === OPT.setMetaContext) {
    return option(code, contextData(name(random, world), queries(random, world)));
  }
  if (code === OPT.exportName) return option(code, Buffer.from("@none"));
  return option(code === OPT.abort && random.chance(0.9) ? OPT.list : code);
}

/** A short handshake that leads to requests. */
function opening(random: Random, world: World): Buffer[] {
  const chosen = random.pick(world.own);
  const parts: Buffer[] = [];
  if (random.chance(0.5)) {
    parts.push(option(OPT.structuredReply));
    if (random.chance(0.5)) {
      parts.push(option(OPT.setMetaContext, contextData(chosen, [...world.contexts])));
    }
  }
  if (random.chance(0.1)) return [...parts, option(OPT.exportName, Buffer.from(chosen))];
  return [...parts, option(OPT.go, infoData(chosen))];
}

function aRequest(random: Random, size: number, cookie: bigint): Buffer {
  const type = random.pick([0, 0, 0, 1, 1, 1, CMD.flush, 4, 5, 6, 7, 7]);
  const count = random.between(1, random.pick([100, 9000]));
  const from = random.below(size - count);
  if (type === CMD.write) return writeRequest(from, random.bytes(count), { cookie });
  if (type === CMD.flush) return request({ type, cookie });
  const flags = random.chance(0.9) ? 0 : random.pick(Object.values(FLAG));
  if (random.chance(0.05)) {
    return request({ type, cookie, flags, offset: offset(random, size), length: length(random) });
  }
  return request({ type, cookie, flags, offset: from, length: count });
}
