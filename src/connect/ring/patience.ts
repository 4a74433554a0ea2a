/**
 * How long a side looks for what comes before it sleeps. Looking costs a processor; where that is
 * wanted elsewhere (more threads than processors), what one waits for comes no sooner for it. So
 * who has looked in vain several times sleeps at once, and tries it again now and then.
 */
const VAIN_MAX = 4;
const TRY_EVERY = 16;

export class Patience {
  readonly #lingerUs: number;
  #vain = 0;
  #looked = false;

  constructor(lingerUs: number) {
    this.#lingerUs = lingerUs;
  }

  /** Microseconds to look for, since something was found. */
  get us(): number {
    return this.#vain < VAIN_MAX || this.#vain % TRY_EVERY === 0 ? this.#lingerUs : 0;
  }

  /** Something, or nothing, was there at a look. */
  look(found: boolean): void {
    if (found && this.#looked) this.#vain = 0;
    this.#looked = !found;
  }

  sleep(): void {
    this.#vain++;
    this.#looked = false;
  }
}
