/** Lets a number of uploads run at once; the others wait in line. */
export class Slots {
  readonly #taken = new Set<object>();
  readonly #line: { owner: object; start: () => void }[] = [];

  constructor(readonly limit: number) {}

  /** Resolves once it is the owner's turn, or once it has left. */
  take(owner: object): Promise<void> {
    if (this.#taken.has(owner)) return Promise.resolve();
    if (this.#taken.size < this.limit) {
      this.#taken.add(owner);
      return Promise.resolve();
    }
    return new Promise((start) => this.#line.push({ owner, start }));
  }

  /** For one that somebody resumed: it runs at once, even if that is one more than the limit. */
  force(owner: object): void {
    this.#taken.add(owner);
  }

  leave(owner: object): void {
    const waiting = this.#line.findIndex((entry) => entry.owner === owner);
    if (waiting >= 0) this.#line.splice(waiting, 1)[0]?.start();
    this.#taken.delete(owner);
    while (this.#taken.size < this.limit) {
      const next = this.#line.shift();
      if (!next) return;
      this.#taken.add(next.owner);
      next.start();
    }
  }
}
