/** The budget against a model: bounds, wake-ups, fairness, who is ended. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Budget, type Share } from "../../src/nbd/budget.ts";
import { Random } from "../model/prng.ts";

const OWN = 256 * 1024;
const CONNECTION_MAX = 32 * 2 ** 20;
const SHARED_MAX = 64 * 2 ** 20;
const REQUEST_MAX = 32 * 2 ** 20 + 1024;
const STALLED_MS = 10_000;

/** A connection with requests that it wants to take up in order, as the transmission does. */
class Connection implements Share {
  held = 0;
  moved = 0;
  stuck = false;
  ended: string | null = null;
  /** Costs of requests to come, and of those in flight. */
  readonly wanted: number[] = [];
  readonly flying: number[] = [];
  waits = false;
  woken = false;
  taken = 0;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
    budget.join(this);
  }

  resume = (): void => {
    this.woken = true;
  };
  waitsForClient = (): boolean => this.stuck;
  end = (reason: string): void => {
    this.ended = reason;
    this.#budget.leave(this);
    this.flying.length = 0;
    this.wanted.length = 0;
    this.waits = false;
  };

  /** Takes up what it can. */
  take(): void {
    this.waits = false;
    this.woken = false;
    while (this.wanted.length > 0) {
      const cost = this.wanted[0] as number;
      const before = this.held;
      if (!this.#budget.take(this, cost)) {
        assert.is(this.held, before, "nothing is taken by who waits");
        this.waits = true;
        return;
      }
      assert.is(this.held, before + cost);
      this.flying.push(this.wanted.shift() as number);
      this.taken++;
    }
  }

  answer(index: number): void {
    const [cost] = this.flying.splice(index, 1);
    this.#budget.release(this, cost as number);
  }
}

function cost(random: Random): number {
  return 1024 + random.below(random.pick([1, 4096, 70_000, 2 ** 20, REQUEST_MAX - 1024 + 1]));
}

const shared = ({ held }: Connection) => Math.max(0, held - OWN);

function mustHold(budget: Budget, connections: Connection[]): void {
  let [held, together] = [0, 0];
  for (const connection of connections) {
    const flying = connection.flying.reduce((sum, one) => sum + one, 0);
    assert.is(connection.held, flying, "what is held is what is in flight");
    assert.ok(connection.held <= Math.max(CONNECTION_MAX, REQUEST_MAX), `holds ${connection.held}`);
    held += connection.held;
    together += shared(connection);
  }
  assert.is(budget.held, held);
  assert.ok(together <= SHARED_MAX, `${together} bytes of the total are held`);
}

for (let seed = 1; seed <= 40; seed++) {
  test(`random histories, seed ${seed}`, () => {
    const random = new Random(seed);
    const budget = new Budget(() => 0);
    let connections: Connection[] = [];
    for (let step = 0; step < 3000; step++) {
      const one = connections[random.below(connections.length)];
      const action = random.below(10);
      if (!one || (action === 0 && connections.length < 12)) {
        connections.push(new Connection(budget));
      } else if (action === 1 && random.chance(0.2)) {
        one.end("left");
        connections = connections.filter((other) => other !== one);
      } else if (action < 5) {
        for (let i = random.below(20); i > 0; i--) one.wanted.push(cost(random));
        if (!one.waits) one.take();
      } else if (one.flying.length > 0) {
        one.answer(random.below(one.flying.length));
      }
      if (random.chance(0.5)) for (const woken of connections.filter((c) => c.woken)) woken.take();
      mustHold(budget, connections);
    }
    drain(random, connections);
    assert.is(budget.held, 0);
  });
}

/** Answers all that is in flight, and takes up what is woken: nobody may be left asleep. */
function drain(random: Random, connections: Connection[]): void {
  const busy = () => connections.filter(({ flying }) => flying.length > 0);
  for (;;) {
    for (const woken of connections.filter(({ woken }) => woken)) woken.take();
    const one = busy()[random.below(busy().length)];
    if (!one) break;
    one.answer(random.below(one.flying.length));
  }
  for (const { wanted } of connections) assert.is(wanted.length, 0, "a wake-up was lost");
}

test("small requests never wait for others", () => {
  const budget = new Budget(() => 0);
  const [first, second, third] = [0, 0, 0].map(() => new Connection(budget)) as [
    Connection,
    Connection,
    Connection,
  ];
  for (const large of [first, second]) {
    large.wanted.push(CONNECTION_MAX, CONNECTION_MAX);
    large.take();
    assert.is(large.taken, 1);
    assert.ok(large.waits);
  }
  third.wanted.push(CONNECTION_MAX);
  third.take();
  assert.ok(third.waits);
  for (let i = 0; i < 500; i++) {
    const small = new Connection(budget);
    small.wanted.push(...Array.from({ length: 51 }, () => 5120));
    small.take();
    assert.is(small.taken, 51);
  }
});

test("the largest request is taken, if only alone", () => {
  const budget = new Budget(() => 0);
  const one = new Connection(budget);
  one.wanted.push(REQUEST_MAX, REQUEST_MAX, 1024);
  one.take();
  assert.is(one.taken, 1);
  one.answer(0);
  assert.ok(one.woken);
  one.take();
  assert.is(one.taken, 2);
});

test("first come, first served: a large request is not overtaken for ever", () => {
  const random = new Random(3);
  const budget = new Budget(() => 0);
  const busy = [0, 0, 0].map(() => new Connection(budget));
  const work = (connection: Connection) => {
    while (connection.wanted.length < 4) connection.wanted.push(2 ** 20);
    if (!connection.waits || connection.woken) connection.take();
  };
  for (let i = 0; i < 100; i++) busy.forEach(work);
  const large = new Connection(budget);
  large.wanted.push(CONNECTION_MAX);
  large.take();
  assert.ok(large.waits);
  for (let turn = 0; turn < 2000 && large.taken === 0; turn++) {
    const one = random.pick(busy.filter(({ flying }) => flying.length > 0));
    one.answer(random.below(one.flying.length));
    for (const connection of [...busy, large]) if (connection.woken) connection.take();
    busy.forEach(work);
  }
  assert.is(large.taken, 1, "it waits while those who came later take again and again");
});

test("who holds up others and does not move is ended; others are not", () => {
  let now = 1000;
  const budget = new Budget(() => now);
  const [stuck, slow, small, waiting] = [0, 0, 0, 0].map(() => new Connection(budget)) as [
    Connection,
    Connection,
    Connection,
    Connection,
  ];
  stuck.wanted.push(30 * 2 ** 20);
  slow.wanted.push(15 * 2 ** 20, 15 * 2 ** 20);
  small.wanted.push(OWN);
  for (const one of [stuck, slow, small]) one.take();
  for (const one of [stuck, small]) one.stuck = true;
  now += 100 * STALLED_MS;
  budget.endStalled();
  assert.is(stuck.ended, null, "as long as nobody waits");
  waiting.wanted.push(20 * 2 ** 20);
  waiting.take();
  assert.ok(waiting.waits);
  slow.answer(0);
  waiting.take();
  assert.ok(waiting.waits, "what was given back is not enough");
  budget.endStalled();
  assert.ok(stuck.ended, "it holds what is waited for");
  assert.is(small.ended, null, "what it holds is its own");
  assert.is(slow.ended, null, "it moves, or waits for us and not for its client");
  assert.ok(waiting.woken);
  waiting.take();
  assert.is(waiting.taken, 1);
});

test.run();
