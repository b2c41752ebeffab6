// Progress of long work, on standard error when that is a terminal.

const INTERVAL_MS = 100;

export class Progress {
  readonly #what: string;
  /** Undefined: not known before the end. */
  readonly #total: number | undefined;
  readonly #isShown: boolean = process.stderr.isTTY === true;
  #done = 0;
  #next = 0;

  constructor(what: string, total?: number) {
    this.#what = what;
    this.#total = total;
  }

  step(by = 1): void {
    this.#done += by;
    if (!this.#isShown) return;
    const now = Date.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL_MS;
    process.stderr.write(`\r${this.#done}${this.#total === undefined ? '' : ` of ${this.#total}`} ${this.#what}`);
  }

  /** Clears the line. */
  end(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[K');
  }
}
