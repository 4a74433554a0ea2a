/** The measures of first writes: what is written, and what must be reached. */
import type { Target } from "../row.ts";
import type { Load } from "./fio.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4 * KIB;
const CLUSTER = 64 * KIB;
const SIZE = 1024 * MIB;

export interface FirstWrites {
  /** Of the section: `nbd/` and this. */
  name: string;
  what: string;
  /** Of our store; the peers copy 64 KiB. */
  chunk: number;
  load: Load;
  /** Against the peer of that name; null: not compared. */
  qcow2: Target | null;
  cow: Target | null;
  /** Against our own overwrites of the same blocks. */
  overwrites: Target | null;
}

/** 4 KiB into each 64 KiB: with small chunks nothing is copied, the peers copy 64 KiB. */
const slots = { size: SIZE, unit: CLUSTER, bytes: PAGE, order: "random" } as const;
const megabytes: Load = {
  size: SIZE,
  unit: MIB,
  bytes: MIB,
  count: SIZE / MIB,
  depth: 4,
  order: "sequential",
};

export const FIRST_WRITES: readonly FirstWrites[] = [
  {
    name: "slots",
    what: "first write of 4 KiB to a 64 KiB chunk, depth 16",
    chunk: CLUSTER,
    load: { ...slots, count: 8192, depth: 16 },
    qcow2: { least: 5 },
    cow: { least: 1 },
    overwrites: null,
  },
  {
    name: "slots-alone",
    what: "first write of 4 KiB to a 64 KiB chunk, depth 1",
    chunk: CLUSTER,
    load: { ...slots, count: 2048, depth: 1 },
    qcow2: { least: 3 },
    cow: null,
    overwrites: null,
  },
  {
    name: "slots-small",
    what: "first write of 4 KiB to each 64 KiB, 4 KiB chunks, depth 16",
    chunk: PAGE,
    load: { ...slots, count: 8192, depth: 16 },
    qcow2: { least: 10 },
    cow: null,
    overwrites: null,
  },
  {
    name: "pages",
    what: "first write of 4 KiB to a 4 KiB chunk, depth 16, whole disk",
    chunk: PAGE,
    load: { ...slots, size: SIZE / 2, unit: PAGE, count: SIZE / 2 / PAGE, depth: 16 },
    qcow2: null,
    cow: null,
    overwrites: { least: 0.7 },
  },
  {
    name: "clusters",
    what: "first write of a whole 64 KiB chunk, depth 16",
    chunk: CLUSTER,
    load: { ...slots, bytes: CLUSTER, count: 8192, depth: 16 },
    qcow2: { least: 3 },
    cow: null,
    overwrites: null,
  },
  {
    name: "sequential",
    what: "first writes of 1 MiB in order, 64 KiB chunks, depth 4",
    chunk: CLUSTER,
    load: megabytes,
    qcow2: { least: 1.5 },
    cow: null,
    overwrites: null,
  },
  {
    name: "sequential-small",
    what: "first writes of 1 MiB in order, 4 KiB chunks, depth 4",
    chunk: PAGE,
    load: megabytes,
    qcow2: { least: 1.5 },
    cow: null,
    overwrites: null,
  },
];
