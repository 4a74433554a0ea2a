/** Two channels within a thread: what one posts, the other hears a moment later, in order. */
import type { Channel } from "../../devices/neighbours.ts";

export function localPair(): [Channel, Channel] {
  const [one, other] = [new LocalChannel(), new LocalChannel()];
  one.other = other;
  other.other = one;
  return [one, other];
}

class LocalChannel implements Channel {
  other: LocalChannel | null = null;
  #take: ((message: unknown) => void) | null = null;

  post(message: unknown): void {
    const { other } = this;
    queueMicrotask(() => other?.hear(message));
  }

  hear(message: unknown): void {
    this.#take?.(message);
  }

  listen(take: (message: unknown) => void): void {
    this.#take = take;
  }

  close(): void {
    this.#take = null;
    this.other = null;
  }
}
