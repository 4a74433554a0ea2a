/** Sessions: several clients of a host, ports that are lost, requests that are sent again. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { newName } from "../../src/connect/connect.ts";
import { OPERATIONS } from "../../src/connect/operations.ts";
import { type Port, portOf } from "../../src/connect/port.ts";
import { PortLink } from "../../src/connect/port-link.ts";
import { RemoteVolume } from "../../src/connect/remote-volume.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { systemEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { ANSWER, FAILURE, HELLO, REQUEST, WELCOME } from "../control/raw.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { Watch } from "../model/watched.ts";
import { RawPort } from "./raw-port.ts";
import { clientOf, hostOf } from "./subjects.ts";

const SIZE = 2 ** 20;
const ORIGIN = { id: 1, name: null };

async function volumeOf(): Promise<Volume> {
  return await openVolume({ store: memoryDevice(), create: { size: SIZE } });
}

test("a snapshot of one client is soon known to the others", async () => {
  const volume = await volumeOf();
  const host = hostOf(volume);
  const [one, two] = [await clientOf(host), await clientOf(host)];
  const made = await one.snapshot("made");
  await until(() => two.has("made"));
  await two.get("made").write(0, new Uint8Array([7]));
  const found = new Uint8Array(1);
  await made.read(0, found);
  assert.is(found[0], 7);
  await two.rename("made", "named");
  await until(() => one.has("named") && !one.has("made"));
  await one.delete("named");
  await until(() => !two.has("named"));
  assert.equal(two.snapshots, []);
  // One that leaves takes nothing along.
  await one.close();
  await two.origin.write(0, new Uint8Array(1));
  await two.close();
  await host.close();
  await volume.close();
});

test("a long write is cut where sectors end: no snapshot has half of one", async () => {
  const watch = new Watch();
  const origin = watch.device(memoryDevice({ size: SIZE }));
  const volume = await openVolume({ store: memoryDevice(), origin, create: {} });
  const host = hostOf(volume);
  const remote = await clientOf(host);
  watch.reset();
  await remote.origin.write(100, new Random(1).bytes(700_001));
  const [first, ...others] = watch.writes.map(({ offset }) => offset).sort((a, b) => a - b);
  assert.is(first, 100);
  assert.ok(others.length > 1);
  assert.equal(
    others.filter((offset) => offset % 512 !== 0),
    [],
  );
  await remote.close();
  await host.close();
  await volume.close();
});

test("a change that is sent again over another port is done once", async () => {
  const volume = await volumeOf();
  const host = hostOf(volume, 4);
  const first = await RawPort.greeted(host, "one");
  first.send(REQUEST, 1, { op: "snapshot", of: ORIGIN, name: "once", readOnly: false });
  const answer = await first.next();
  assert.is(answer?.type, ANSWER);
  first.close();
  await until(() => first.closed);

  const second = new RawPort(host);
  second.send(HELLO, 0, { versions: [1], session: "one" });
  const welcome = await second.next();
  assert.equal([welcome?.type, welcome?.head.known], [WELCOME, true]);
  second.send(REQUEST, 1, { op: "snapshot", of: ORIGIN, name: "once", readOnly: false });
  assert.equal((await second.next())?.head.view, answer?.head.view);
  assert.is(volume.snapshots.length, 1);
  // A client that waits for nothing below 2 any more has heard the answer: it is forgotten.
  second.send(REQUEST, 2, { op: "status" }, { first: 2 });
  await second.next();
  second.send(REQUEST, 1, { op: "snapshot", of: ORIGIN, name: "once", readOnly: false });
  const again = await second.next();
  assert.equal([again?.type, again?.head.code], [FAILURE, "Exists"]);

  // A host that does not know the session says so.
  const another = hostOf(volume, 4);
  const other = new RawPort(another);
  other.send(HELLO, 0, { versions: [1], session: "one" });
  assert.is((await other.next())?.head.known, false);
  await another.close();
  assert.equal((await other.next())?.head.code, "Closed");
  await host.close();
  await volume.close();
});

test("sessions that nobody comes back to are dropped, the oldest first", async () => {
  const volume = await volumeOf();
  const host = hostOf(volume, 2);
  for (const name of ["a", "b", "c"]) {
    const port = await RawPort.greeted(host, name);
    port.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const known: unknown[] = [];
  for (const name of ["a", "b", "c"]) {
    const port = new RawPort(host);
    port.send(HELLO, 0, { versions: [1], session: name });
    known.push((await port.next())?.head.known);
  }
  assert.equal(known, [false, true, true]);
  await host.close();
  await volume.close();
});

/** A port whose messages can be lost, both ways, from one moment on. */
function fragile(port: Port): Port & { cut(): void } {
  let isCut = false;
  let tell = (_: MultisnapError): void => {};
  return {
    ...port,
    post: (message, transfer) => {
      if (!isCut) port.post(message, transfer);
    },
    listen: (take, gone) => {
      tell = gone;
      port.listen(
        (data) => {
          if (!isCut) take(data);
        },
        (why) => gone(why),
      );
    },
    cut() {
      isCut = true;
      void port.close();
      queueMicrotask(() => tell(new MultisnapError("Io", "the port was cut")));
    },
  };
}

for (const seed of [1, 2, 3]) {
  test(`ports that are lost again and again under load (seed ${seed})`, async () => {
    const random = new Random(seed);
    const volume = await volumeOf();
    const host = hostOf(volume, 4);
    const name = newName(systemEnv);
    let cut = (): void => {};
    const line = () => {
      const { port1, port2 } = new MessageChannel();
      host.accept(portOf(port1));
      const port = fragile(portOf(port2));
      cut = () => port.cut();
      return port;
    };
    const link = new PortLink(line(), 16);
    const { session } = link;
    await link.greet({ session: name });
    session.onLost = async () => {
      const next = new PortLink(line(), 16, session);
      const { known } = await next.greet({ session: name });
      assert.is(known, true);
      session.resume(next, () => true);
    };
    const remote = new RemoteVolume(session, []);
    await remote.refresh();
    const expected = new Uint8Array(SIZE);
    let cuts = 0;
    for (let round = 0; round < 120; round++) {
      const offset = random.below(SIZE - 4096);
      const bytes = random.bytes(random.between(1, 4096));
      const work = [
        remote.origin.write(offset, bytes),
        remote.origin.read(0, new Uint8Array(8)),
        remote.snapshot(`s${round}`),
        remote.snapshotUsage(),
      ];
      expected.set(bytes, offset);
      if (random.chance(0.4)) {
        cuts++;
        if (random.chance(0.5)) await Promise.resolve();
        else await new Promise((resolve) => setTimeout(resolve, random.below(3)));
        cut();
      }
      await Promise.all(work);
      await remote.delete(`s${round}`);
    }
    assert.ok(cuts > 20);
    const found = new Uint8Array(SIZE);
    await remote.origin.read(0, found);
    assert.is(Buffer.compare(found, expected), 0);
    assert.equal(volume.snapshots, []);
    await remote.close();
    await host.close();
    await volume.close();
  });
}

test("another host: what may be done twice is asked again, the rest fails", async () => {
  const volume = await volumeOf();
  const host = hostOf(volume);
  const silent: Port = { post() {}, listen() {}, close() {} };
  const { port1, port2 } = new MessageChannel();
  host.accept(portOf(port1));
  // The first host hears everything and says nothing.
  const link = new PortLink(silent, 16);
  const { session } = link;
  const remote = new RemoteVolume(session, []);
  const status = session.request("status");
  const snapshot = session.request("snapshot", { of: ORIGIN, name: "x", readOnly: false });
  const failed = expectCode("Io", snapshot);
  const next = new PortLink(portOf(port2), 16, session);
  await next.greet({ session: newName(systemEnv) });
  session.resume(next, (op) => !OPERATIONS.get(op)?.changes);
  await failed;
  assert.is((await status).head.status instanceof Object, true);
  await remote.refresh();
  assert.is(remote.has("x"), false);
  await remote.close();
  await host.close();
  await volume.close();
});

async function until(condition: () => boolean): Promise<void> {
  for (let look = 0; look < 2000; look++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("it does not happen");
}

test.run();
