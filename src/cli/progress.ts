// Progress of long work, on standard error when that is a terminal.

const INTERVAL_MS = 100;

export class Progress {
  readonly #what: string;
  /** Undefined: not known before the end. */
  readonly #total: number | undefined;
  /** Steps that are shown as one. */
  readonly #unit: number;
  readonly #isShown: boolean = process.stderr.isTTY === true;
  #done = 0;
  #next = 0;

  /** `total` in units of `unit` steps. */
  constructor(what: string, total?: number, unit = 1) {
    this.#what = what;
    this.#total = total;
    this.#unit = unit;
  }

  step(by = 1): void {
    this.#done += by;
    if (!this.#isShown) return;
    const now = Date.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL_MS;
    const done = Math.floor(this.#done / this.#unit);
    process.stderr.write(`\r${done}${this.#total === undefined ? '' : ` of ${this.#total}`} ${this.#what}`);
  }

  /** Clears the line. */
  end(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[K');
  }
}
