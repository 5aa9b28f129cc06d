import { createHash } from 'node:crypto';

/** Random numbers from a seed: the same seed makes the same choices in the same order. */
export class Random {
  #state: number;

  /** @param stream each has its own numbers, so that one more choice here changes none elsewhere */
  constructor(
    readonly seed: number,
    stream: string,
  ) {
    this.#state = createHash('sha256').update(`${seed}/${stream}`).digest().readUInt32LE();
  }

  /** At least 0, below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of them, or undefined if there is none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.next() * items.length)];
  }

  /** One of them, each as likely as its weight says. */
  pickWeighted<T extends { weight: number }>(items: readonly T[]): T {
    let left = this.next() * items.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of items) {
      left -= item.weight;
      if (left < 0) return item;
    }
    const last = items.at(-1);
    if (last === undefined) throw new Error('Expected something to pick from, got nothing');
    return last;
  }
}
