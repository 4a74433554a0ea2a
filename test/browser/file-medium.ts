/** The medium that a page keeps files on: its origin private file system. */
import { opfsDevice, removeOpfs } from "../../src/browser.ts";
import type { Medium } from "../model/media.ts";

/** What a browser counts against the quota is how long a file is, sparse or not. */
export const fileBytesMax = 2 ** 28;

let media = 0;

export const fileMedium: (() => Medium) | null = () => {
  const path = `multisnap-test/${Date.now()}-${media++}.image`;
  return {
    kind: "file",
    open: (how) => opfsDevice(path, how ?? {}),
    discard: () => removeOpfs(path),
  };
};
