/**
 * Several clients of one host behind one `RemoteVolume`: every request goes through another of
 * them, drawn from a seed; half of them have rings.
 */
import { newName } from "../../src/connect/connect.ts";
import type { Host } from "../../src/connect/host.ts";
import { portOf } from "../../src/connect/port.ts";
import { PortLink } from "../../src/connect/port-link.ts";
import { RemoteVolume } from "../../src/connect/remote-volume.ts";
import { type RingClient, sharedMemory } from "../../src/connect/ring/client.ts";
import type { Session } from "../../src/connect/session.ts";
import { systemEnv } from "../../src/env.ts";
import type { Random } from "../model/prng.ts";

interface One {
  session: Session;
  rings: RingClient | null;
}

async function join(host: Host, shared: boolean): Promise<One> {
  const { port1, port2 } = new MessageChannel();
  host.accept(portOf(port1));
  const link = new PortLink(portOf(port2), 16);
  const memory = shared ? sharedMemory() : null;
  await link.greet({ session: newName(systemEnv) }, memory);
  return { session: link.session, rings: memory && link.share(memory) };
}

export async function severalClients(
  host: Host,
  random: Random,
  count: number,
): Promise<RemoteVolume> {
  const clients: One[] = [];
  for (let i = 0; i < count; i++) clients.push(await join(host, i % 2 === 1));
  const ringed = clients.flatMap(({ rings }) => rings ?? []);
  const session = {
    failure: null,
    // What one client holds it has to release.
    request: ((op, head, ask) => {
      const client = ["hold", "release"].includes(op) ? clients[0]! : random.pick(clients);
      return client.session.request(op, head, ask);
    }) as Session["request"],
    close: async () => {
      for (const { session } of clients) await session.close();
    },
  };
  const rings = {
    request: ((...given) => random.pick(ringed).request(...given)) as RingClient["request"],
    // Each ring tells what its own client has changed: here they are taken for one.
    usage: () => host.served.volume.usage(),
    drain: async () => {},
  };
  const volume = new RemoteVolume(session as unknown as Session, []);
  volume.rings = rings as unknown as RingClient;
  Object.defineProperty(volume, "rings", {
    get: () => (random.chance(0.5) ? rings : null),
  });
  await volume.refresh();
  return volume;
}
