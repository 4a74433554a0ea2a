/**
 * Growing arrays in pinned pages: a directory of fixed size names the pages; an element never
 * moves.
 */
import { pinnedPage } from "./cache";

/** Address of element `index` of `1 << shift` bytes; 0 where its page does not exist. */
// @ts-ignore: decorator
@inline
export function tableAt(directory: usize, index: u32, shift: u32): u32 {
  const page = load<u32>(directory + ((index >>> (12 - shift)) << 2));
  if (page == 0) return 0;
  return page + ((index & ((1 << (12 - shift)) - 1)) << shift);
}

/** As `tableAt`, making the page (zeroed) where it does not exist. Needs a spare slot. */
export function tableMake(directory: usize, index: u32, shift: u32): u32 {
  const at = directory + ((index >>> (12 - shift)) << 2);
  if (load<u32>(at) == 0) store<u32>(at, pinnedPage());
  return tableAt(directory, index, shift);
}
