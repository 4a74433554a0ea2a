/** The statuses of `assembly/status.ts`; a test holds them against the engine's exports. */
export const FAULT = -1;
export const WRITE_BACK = -2;
export const NO_SPACE = -3;
export const CORRUPT = -4;
export const GROW = -5;
export const COMMIT = -6;
export const CHECKPOINT = -7;
export const NOT_FOUND = -8;
export const EXISTS = -9;
export const INVALID = -10;
export const UNSUPPORTED = -11;
export const FILL = -12;

/** Kinds of runs of a lookup. */
export const RUN_UNMAPPED = 0;
export const RUN_HOLE = 1;
/** A repair found the chunks lost: a hole to who writes all of them, an error to who reads. */
export const RUN_LOST = 2;
export const RUN_SHARED = 3;
export const RUN_PRIVATE = 4;

/** Kinds of runs of a copy-out plan. */
export const RUN_READY = 0;
export const RUN_COPY = 1;

/** Kinds of entries of the pending table. */
export const PENDING_COPY = 1;
export const PENDING_READ = 2;

/** What a map step does with its place: takes it, ignores it, or finds it named already. */
export const MAP_NEW = 0;
export const MAP_HOLE = 2;
export const MAP_SHARED = 8;
