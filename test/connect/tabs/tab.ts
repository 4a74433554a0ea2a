/** A tab in an origin: a page that connects to a volume through its worker. */
import { connectWorker } from "../../../src/connect/connect.ts";
import type { TabsOptions } from "../../../src/connect/options.ts";
import type { Port } from "../../../src/connect/port.ts";
import type { RemoteVolume } from "../../../src/connect/remote-volume.ts";
import { isStanding, turnLock } from "../../../src/connect/tabs/notes.ts";
import { Place } from "../../../src/connect/tabs/place.ts";
import { serveWorker } from "../../../src/connect/worker.ts";
import type { Origin, Thread } from "./origin.ts";

export interface Tab {
  thread: Thread;
  volume: Promise<RemoteVolume>;
  /** Of a page that the browser freezes, or lets go on. */
  stand(stands: boolean): void;
  kill(): void;
}

export function openTab(origin: Origin, size: number, tabs: TabsOptions = {}): Tab {
  const thread = origin.thread();
  const [page, worker] = portPair(thread);
  const openers = { opfs: async ({ opfs }: { opfs?: string }) => thread.device(String(opfs)) };
  serveWorker(worker, { openers, neighbours: thread.neighbours });
  const options = { store: { opfs: "disk" }, create: { size }, tabs, shared: false };
  const tell = (stands: boolean) => page.post({ stands }, []);
  const place = new Place(thread.neighbours.locks, turnLock("disk"), tell);
  const listen: Port["listen"] = (take, gone) => {
    page.listen((data) => (isStanding(data) ? place.over() : take(data)), gone);
    tell(false);
  };
  place.enter();
  const end = () => origin.kill(thread);
  const volume = connectWorker({ port: { ...page, listen }, end }, options);
  volume.catch(() => {});
  return {
    thread,
    volume,
    stand: (stands) => (stands ? place.enter() : place.leave()),
    kill: end,
  };
}

/** Between a page and its worker. Both are gone at once. */
function portPair(thread: Thread): [Port, Port] {
  const takers: ((data: unknown) => void)[] = [];
  const port = (own: number): Port => ({
    post(message, transfer) {
      const data = structuredClone(message, { transfer: transfer as ArrayBuffer[] });
      setImmediate(() => thread.alive && takers[1 - own]?.(data));
    },
    listen: (take) => {
      takers[own] = take;
    },
    close() {},
  });
  return [port(0), port(1)];
}
