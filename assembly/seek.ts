/**
 * The shortest way to the first entry at or after a chunk: no path, no rank. One at a time, and
 * four abreast: the searches of four lookups go in step, so that their cache misses overlap, which
 * the misses of one lookup cannot (design 9).
 */
import { SUPER } from "./memory";
import { ENTRY_BYTES, SUPER_ROOT } from "./layout";
import { need } from "./cache";
import { assertThat, DAMAGED } from "./assert";
import { child, count, entryAt, innerAt, nodeIs, searchInner, searchLeaf } from "./btree/node";
import { fenced, fencedEnd } from "./btree/fence";
import { height } from "./btree/path";

/** A page on the way is missing; IO_BLOCK says which. */
export const MISSING: u32 = 0xffffffff;

/** Address of the first entry at or after a chunk; 0: there is none; MISSING. */
export function seek(chunk: u64): u32 {
  let level = height();
  if (level == 0) return 0;
  let page = need(load<u32>(SUPER + SUPER_ROOT));
  while (page != 0 && --level > 0) {
    assertThat(nodeIs(page, level), DAMAGED);
    page = need(child(page, searchInner(page, chunk, 0)));
  }
  if (page == 0) return MISSING;
  assertThat(nodeIs(page, 0), DAMAGED);
  const index = searchLeaf(page, chunk, 0);
  return index == count(page) ? 0 : entryAt(page, index);
}

/**
 * One step of a search in entries of `bytes` from `first`: `base` goes on by half where the entry
 * before is smaller.
 */
// @ts-ignore: decorator
@inline
function half(first: u32, base: u32, length: u32, bytes: u32, key: u64): u32 {
  const h = length >>> 1;
  const at = first + (base + h) * bytes - bytes;
  return base + (load<u64>(at) < key ? h : 0);
}

/**
 * Chunks and answers of four lookups, addresses of u64 and u32: `out` as `seek` answers. False: a
 * page is missing.
 */
export function seek4(a: u64, b: u64, c: u64, d: u64, out: usize): bool {
  let level = height();
  if (level == 0) {
    memory.fill(out, 0, 16);
    return true;
  }
  let p = need(load<u32>(SUPER + SUPER_ROOT));
  let q = p;
  let r = p;
  let s = p;
  a <<= 16;
  b <<= 16;
  c <<= 16;
  d <<= 16;
  while (true) {
    if (p == 0 || q == 0 || r == 0 || s == 0) return false;
    level--;
    const sound = nodeIs(p, level) && nodeIs(q, level) && nodeIs(r, level) && nodeIs(s, level);
    assertThat(sound, DAMAGED);
    // An inner node is searched but for its last entry, which takes what is left.
    const less: u32 = level > 0 ? 1 : 0;
    const bytes: u32 = level > 0 ? 16 : ENTRY_BYTES;
    const cp = count(p);
    const cq = count(q);
    const cr = count(r);
    const cs = count(s);
    let ip = fenced(p, cp, a >>> 16);
    let iq = fenced(q, cq, b >>> 16);
    let ir = fenced(r, cr, c >>> 16);
    let is = fenced(s, cs, d >>> 16);
    let np = fencedEnd(ip, cp, cp - less) - min(ip, cp - less);
    let nq = fencedEnd(iq, cq, cq - less) - min(iq, cq - less);
    let nr = fencedEnd(ir, cr, cr - less) - min(ir, cr - less);
    let ns = fencedEnd(is, cs, cs - less) - min(is, cs - less);
    ip = min(ip, cp - less);
    iq = min(iq, cq - less);
    ir = min(ir, cr - less);
    is = min(is, cs - less);
    const fp = innerAt(p, 0);
    const fq = innerAt(q, 0);
    const fr = innerAt(r, 0);
    const fs = innerAt(s, 0);
    while ((np | nq | nr | ns) > 1) {
      ip = half(fp, ip, np, bytes, a);
      iq = half(fq, iq, nq, bytes, b);
      ir = half(fr, ir, nr, bytes, c);
      is = half(fs, is, ns, bytes, d);
      np -= np >>> 1;
      nq -= nq >>> 1;
      nr -= nr >>> 1;
      ns -= ns >>> 1;
    }
    ip += np != 0 && load<u64>(fp + ip * bytes) < a ? 1 : 0;
    iq += nq != 0 && load<u64>(fq + iq * bytes) < b ? 1 : 0;
    ir += nr != 0 && load<u64>(fr + ir * bytes) < c ? 1 : 0;
    is += ns != 0 && load<u64>(fs + is * bytes) < d ? 1 : 0;
    if (level == 0) {
      store<u32>(out, ip == cp ? 0 : fp + ip * ENTRY_BYTES, 0);
      store<u32>(out, iq == cq ? 0 : fq + iq * ENTRY_BYTES, 4);
      store<u32>(out, ir == cr ? 0 : fr + ir * ENTRY_BYTES, 8);
      store<u32>(out, is == cs ? 0 : fs + is * ENTRY_BYTES, 12);
      return true;
    }
    const bp = child(p, ip);
    const bq = child(q, iq);
    const br = child(r, ir);
    const bs = child(s, is);
    p = need(bp);
    q = need(bq);
    r = need(br);
    s = need(bs);
  }
}
