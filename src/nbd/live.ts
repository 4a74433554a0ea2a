/** What a running server knows of itself: counters, and how long requests take. */

/** Kinds of requests whose latency is told apart. */
export const KINDS = ["read", "write", "flush", "trim", "zero", "cache", "status"] as const;
export type Kind = (typeof KINDS)[number];

/** Microseconds. */
export interface Latency {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export interface LiveStatus {
  uri: string;
  connections: number;
  /** Connections that ended because of what the client did (garbage, stalled, vanished). */
  connectionsFailed: number;
  /** Requests answered since the start, those that failed among them. */
  requests: number;
  requestsFailed: number;
  bytesRead: number;
  bytesWritten: number;
  /** Taken up and not answered yet. */
  queueDepth: number;
  bytesInFlight: number;
  latency: Partial<Record<Kind, Latency>>;
}

/** Four buckets for each power of two, from 1 us to over an hour: at most 19 % off. */
const PARTS = 4;
const BUCKETS = 32 * PARTS;

/** Counts of latencies by their logarithm: bounded, whatever comes. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #max = 0;

  /** Milliseconds. */
  add(spent: number): void {
    const us = Math.max(1, spent * 1000);
    const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log2(us) * PARTS));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    if (us > this.#max) this.#max = us;
  }

  summary(): Latency {
    const [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map((part) => this.#quantile(part));
    const us = (value = 0) => Math.round(value * 10) / 10;
    return {
      count: this.#count,
      p50: us(p50),
      p90: us(p90),
      p99: us(p99),
      p999: us(p999),
      max: us(this.#max),
    };
  }

  /** Upper end of the bucket that it lies in. */
  #quantile(part: number): number {
    let left = Math.ceil(this.#count * part);
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return Math.min(this.#max, 2 ** ((bucket + 1) / PARTS));
    }
    return this.#max;
  }
}

/** Of all connections of a server together. */
export class Live {
  connectionsFailed = 0;
  requests = 0;
  requestsFailed = 0;
  bytesRead = 0;
  bytesWritten = 0;
  queueDepth = 0;
  readonly #latency = new Map<Kind, Histogram>();

  /** A request has been answered, `spent` milliseconds after it came. */
  answered(kind: Kind, spent: number): void {
    this.requests++;
    let histogram = this.#latency.get(kind);
    if (!histogram) {
      histogram = new Histogram();
      this.#latency.set(kind, histogram);
    }
    histogram.add(spent);
  }

  status(uri: string, connections: number, bytesInFlight: number): LiveStatus {
    const { connectionsFailed, requests, requestsFailed, bytesRead, bytesWritten } = this;
    const latency = Object.fromEntries(
      [...this.#latency].map(([kind, histogram]) => [kind, histogram.summary()]),
    );
    return {
      uri,
      connections,
      connectionsFailed,
      requests,
      requestsFailed,
      bytesRead,
      bytesWritten,
      queueDepth: this.queueDepth,
      bytesInFlight,
      latency,
    };
  }
}
