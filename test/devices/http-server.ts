/**
 * A web server with one image, on a port of its own, which can be told to be as bad as real ones
 * are, a request at a time.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Random } from "../model/prng.ts";

export type Fault =
  | "short" // fewer bytes than announced, then the connection ends
  | "fewer" // a correct answer for fewer bytes than were asked for
  | "reset" // no answer
  | "busy" // 503 with Retry-After: 0
  | "broken" // 500
  | "wrong range" // bytes of another place, said so
  | "whole" // 200, with all of it
  | "slow" // as it should be, in pieces, with pauses
  | "silent" // the header, and then nothing
  | "more"; // more bytes than were asked for, chunked

export const PASSING: readonly Fault[] = [
  "short",
  "fewer",
  "reset",
  "busy",
  "broken",
  "wrong range",
  "whole",
  "slow",
  "more",
];

export interface Asked {
  first: number;
  last: number;
  headers: http.IncomingHttpHeaders;
}

export interface ServerOptions {
  /** The content at each byte, where there are too many of them for memory. */
  size?: number;
  fill?: (target: Uint8Array, offset: number) => void;
}

export class ImageServer {
  image: Uint8Array;
  etag: string | null = '"v1"';
  modified: string | null = null;
  /** Whether it looks at If-Match and If-Unmodified-Since. */
  minds = true;
  /** What is wrong with the next request; the default is nothing. */
  fault: (asked: Asked) => Fault | null = () => null;
  /** Whether pages from elsewhere may read it. */
  open = false;
  readonly asked: Asked[] = [];
  inFlight = 0;
  inFlightMax = 0;
  bytes = 0;
  /** Answers in its own way, if it answers true. */
  special: (request: http.IncomingMessage, response: http.ServerResponse) => boolean = () => false;
  readonly #options: ServerOptions;
  readonly #server = http.createServer((request, response) => this.#answer(request, response));

  constructor(image: Uint8Array, options: ServerOptions = {}) {
    this.image = image;
    this.#options = options;
  }

  get size(): number {
    return this.#options.size ?? this.image.length;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/images/disk.raw`;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    response.on("close", () => this.inFlight--);
    if (this.special(request, response)) return;
    if (this.open) {
      response.setHeader("access-control-allow-origin", "*");
      response.setHeader("access-control-expose-headers", "etag, content-range");
      response.setHeader("cross-origin-resource-policy", "cross-origin");
      if (request.method === "OPTIONS") {
        const allowed = { "access-control-allow-headers": "range, if-match" };
        return void response.writeHead(204, allowed).end();
      }
    }
    const { headers } = request;
    const found = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
    const first = Number(found?.[1] ?? 0);
    const last = Math.min(Number(found?.[2] ?? this.size), this.size - 1);
    const asked = { first, last, headers };
    this.asked.push(asked);
    if (this.etag !== null) response.setHeader("etag", this.etag);
    if (this.modified !== null) response.setHeader("last-modified", this.modified);
    if (this.minds && this.#isOther(headers)) {
      response.writeHead(412).end();
      return;
    }
    if (found === null || first >= this.size) {
      response.writeHead(416, { "content-range": `bytes */${this.size}` }).end();
      return;
    }
    this.#bytes(response, asked, this.fault(asked));
  }

  #isOther(headers: http.IncomingHttpHeaders): boolean {
    const match = headers["if-match"];
    const since = headers["if-unmodified-since"];
    if (match !== undefined) return match !== this.etag;
    return since !== undefined && Date.parse(since) < Date.parse(this.modified ?? "");
  }

  #bytes(response: http.ServerResponse, { first, last }: Asked, fault: Fault | null): void {
    if (fault === "reset") return void response.destroy();
    if (fault === "busy") return void response.writeHead(503, { "retry-after": "0" }).end("no");
    if (fault === "broken") return void response.writeHead(500).end("no");
    if (fault === "whole") return void response.writeHead(200).end(this.slice(0, this.size - 1));
    const end = fault === "fewer" ? first + Math.floor((last - first) / 2) : last;
    const from = fault === "wrong range" ? Math.min(first + 512, last) : first;
    const body = this.slice(from, end);
    response.statusCode = 206;
    response.setHeader("content-range", `bytes ${from}-${end}/${this.size}`);
    if (fault === "more") return void response.end(Buffer.concat([body, Buffer.alloc(100)]));
    response.setHeader("content-length", body.length);
    this.bytes += body.length;
    if (fault === "short") {
      response.write(body.subarray(0, Math.floor(body.length / 3)), () => response.destroy());
    } else if (fault === "silent") response.flushHeaders();
    else if (fault === "slow") trickle(response, body);
    else response.end(body);
  }

  slice(first: number, last: number): Uint8Array {
    if (this.#options.fill === undefined) return this.image.subarray(first, last + 1);
    const bytes = new Uint8Array(last + 1 - first);
    this.#options.fill(bytes, first);
    return bytes;
  }
}

function trickle(response: http.ServerResponse, body: Uint8Array): void {
  const piece = Math.ceil(body.length / 4);
  response.write(body.subarray(0, piece));
  if (body.length <= piece) response.end();
  else setTimeout(() => trickle(response, body.subarray(piece)), 3);
}

/** Faults that pass, drawn anew for each request; never many for one place. */
export function passing(random: Random, share: number): (asked: Asked) => Fault | null {
  const met = new Map<number, number>();
  return ({ first }) => {
    const times = met.get(first) ?? 0;
    if (times >= 3 || !random.chance(share)) return null;
    met.set(first, times + 1);
    return random.pick(PASSING);
  };
}
