/** The speed lives this long in the average, in seconds. */
const MEMORY = 4;

/** How fast bytes go, smoothed: the weight of the past fades with its age, not with its samples. */
export class Rate {
  #bytes = 0;
  #time: number | undefined;
  #perSecond: number | null = null;

  /** Counts from here, as after a pause. */
  restart(bytes: number, now: number): void {
    this.#bytes = bytes;
    this.#time = now;
    this.#perSecond = null;
  }

  sample(bytes: number, now: number): void {
    if (this.#time === undefined || bytes < this.#bytes) {
      this.restart(bytes, now);
      return;
    }
    const seconds = (now - this.#time) / 1000;
    if (seconds < 0.25) return;
    const current = (bytes - this.#bytes) / seconds;
    const kept = Math.exp(-seconds / MEMORY);
    this.#perSecond =
      this.#perSecond === null ? current : this.#perSecond * kept + current * (1 - kept);
    this.#bytes = bytes;
    this.#time = now;
  }

  /** Bytes per second; null as long as nobody can know. */
  get perSecond(): number | null {
    return this.#perSecond !== null && this.#perSecond > 1 ? this.#perSecond : null;
  }
}
