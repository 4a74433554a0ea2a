/** Cases that once found something, made short: each is run on its own. */
import type { Case } from "./cases.ts";

/** A record of the views stream that no store has. */
const VIEW = [
  "100000000f0000000000000000000000000000000000f0bf0000000000010000",
  "000000000000000000000000000000006100620000000000",
].join("");

export const PAST: readonly Case[] = [
  {
    base: "range-inline-crashed",
    seed: 764790377,
    steps: [{ what: "inner INNER_TO = 0", at: 557160, hex: "00000000" }],
  },
  {
    base: "range-base-crashed",
    seed: 1725209543,
    steps: [
      { what: "leaf ENTRY_TO = 1048577", at: 572180, hex: "01001000" },
      { what: "super SUPER_ORIGIN_PATH = 0", at: 4608, hex: "0000" },
    ],
  },
  {
    base: "range-base-closed",
    seed: 320767848,
    steps: [
      { what: "super SUPER_TABLES_WORDS = 138", at: 4224, hex: "8a00000000000000" },
      { what: "super SUPER_SLOT = 2", at: 4124, hex: "02000000" },
      {
        what: "view",
        at: 582112,
        hex: VIEW,
      },
      { what: "super SUPER_GENERATION = 18446744073709551613", at: 4144, hex: "fdffffffffffffff" },
    ],
  },
  {
    base: "bitmap-base-crashed",
    seed: 1032151365,
    steps: [
      { what: "inner INNER_CHILD = 4294967294", at: 565324, hex: "feffffff" },
      { what: "record RECORD_LENGTH = 12845120", at: 45064, hex: "4000c400" },
      { what: "super SUPER_SLABS = 20119552", at: 196, hex: "00003301" },
      { what: "inner copied to inner", at: 565256, from: 565256, length: 4088 },
      { what: "operation 1", at: 33120, hex: "01ff40007a4caf8401000000000000001c02000000000000" },
      { what: "operation 1", at: 12352, hex: "010001000f0000000c000000000000000000000001000000" },
    ],
  },
  {
    base: "bitmap-attached-crashed",
    seed: 1596478494,
    steps: [
      {
        what: "record RECORD_SEQUENCE = 18446744073709551614",
        at: 344080,
        hex: "feffffffffffffff",
      },
    ],
  },
];
