/** What a test tells the volume in a Durable Object to do, as JSON. */
export interface Order {
  flush: "sync" | "gate";
  /** Bytes of a new volume. */
  size: number;
  /** URL of its base. */
  base?: string;
  /** Done at once, all of them; then flushed. View: the name of a snapshot, null: the origin. */
  writes?: { view: string | null; sector: number; count: number; stamp: number }[];
  /** Name of a snapshot to take of the origin. */
  snapshot?: string;
  read?: { view: string | null; offset: number; length: number };
  /** Whether to answer the stamps of all sectors of all views. */
  stamps?: boolean;
}

export async function send(url: string, order: Order): Promise<Response> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(order) });
  if (!response.ok) throw new Error(await response.text());
  return response;
}
