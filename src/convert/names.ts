/** Names for snapshots that come from elsewhere. */
import type { Volume } from "../volume/types.ts";

/** Room for what is put behind a name: a number, `.partial`. */
const NAME_BYTES_MAX = 200;

/** What each snapshot is called: as asked for, where that is a name and free, else nearly so. */
export function freeNames(volume: Volume, wanted: readonly string[]): string[] {
  const taken = new Set<string>();
  return wanted.map((text) => {
    const name = freeName(text, (name) => taken.has(name) || volume.has(name));
    taken.add(name);
    return name;
  });
}

/** `name`, `name-2`, `name-3`, ... */
export function freeName(text: string, isTaken: (name: string) => boolean): string {
  const name = clean(text);
  let free = name;
  for (let number = 2; isTaken(free); number++) free = `${name}-${number}`;
  return free;
}

function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names have none
  const good = wellFormed(text).replace(/[\u0000-\u001f\u007f@]/g, "_");
  let bytes = 0;
  let end = 0;
  for (const character of good) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > NAME_BYTES_MAX) break;
    end += character.length;
  }
  return good.slice(0, end) || "snapshot";
}

/** Without halves of characters. */
function wellFormed(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}
